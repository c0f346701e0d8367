// Objects of a kind that no code knows, for tests of the store itself.
import type { ObjectInput, ObjectMetaInput, StoredObject } from '../../src/resources/object.ts';

export interface ThingParts {
  kind?: string;
  spec?: unknown;
  status?: unknown;
  metadata?: Partial<ObjectMetaInput>;
}

export function thing(
  name: string,
  { kind = 'Thing', spec = { size: 1 }, status, metadata }: ThingParts = {},
): ObjectInput {
  return {
    apiVersion: 'test.example/v1',
    kind,
    metadata: { ...metadata, name },
    spec,
    ...(status === undefined ? {} : { status }),
  };
}

/** The object as read, with other parts: what a writer sends back. */
export function changed(object: StoredObject, { metadata, ...parts }: Omit<ThingParts, 'kind'>): ObjectInput {
  return { ...object, ...parts, metadata: { ...object.metadata, ...metadata } };
}
