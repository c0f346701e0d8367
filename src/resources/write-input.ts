// What a writer hands in, before anything is known about it: private copies and the few facts that steer a write.
import { ConflictError } from '../store/errors.ts';
import { ForbiddenError, InvalidError } from './errors.ts';
import { wrongType } from './field-causes.ts';
import { apiVersionOf, findKind, type KindDefinition } from './kinds.ts';
import type { StoredObject } from './object.ts';
import { shapeCauses } from './shape.ts';

export type Input = Record<string, unknown>;

/** @throws ForbiddenError, Error: only a door that serves what there is not can ask for an unknown kind */
export function writableKind(kind: string): KindDefinition {
  const definition = findKind(kind);
  if (!definition) throw new Error(`there is no kind ${kind}`);
  if (definition.readOnly) throw new ForbiddenError(`${definition.plural} are made by the node and cannot be changed`);
  return definition;
}

/** What a writer sent, when it is something that can be looked at. @throws InvalidError */
export function asInput(kind: KindDefinition, input: unknown): Input {
  const causes = isRecord(input) ? shapeCauses(input) : [wrongType('', input, 'object')];
  if (causes.length > 0) throw new InvalidError(kind.kind, '', causes);
  return input as Input;
}

/** A private copy with the right kind. @throws InvalidError when there is no object to speak of */
export function asObject(kind: KindDefinition, given: unknown): Input {
  const input = asInput(kind, given);
  const metadata = input['metadata'] ?? {};
  if (!isRecord(metadata)) throw new InvalidError(kind.kind, '', [wrongType('metadata', metadata, 'object')]);
  return {
    ...structuredClone(input),
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: structuredClone(metadata),
  };
}

/** A request about finalizers, an empty list and a null in a patch included. */
export function statesFinalizers({ metadata }: Input): boolean {
  return isRecord(metadata) && metadata['finalizers'] !== undefined;
}

/** The resourceVersion that the writer saw, when it says so. */
export function pinnedBy({ metadata }: Input): string | undefined {
  const version = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
  return typeof version === 'string' && version !== '' ? version : undefined;
}

/** @throws ConflictError */
export function checkPin({ metadata }: StoredObject, pinned: string | undefined): void {
  if (pinned !== undefined && pinned !== metadata.resourceVersion) {
    throw new ConflictError(
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
}

export function isRecord(value: unknown): value is Input {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
