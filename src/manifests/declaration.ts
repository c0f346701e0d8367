// One document of a manifest as what it declares, and the difference between that and an object. Pure.
import { isDeepStrictEqual } from 'node:util';
import { apiVersionOf, findKind, serverKind } from '../resources/kinds.ts';
import type { StoredObject } from '../resources/object.ts';
import type { Owner } from '../resources/ownership.ts';
import { ManifestError } from './manifest-error.ts';

type Fields = Record<string, unknown>;

export interface Declaration {
  kind: string;
  name: string;
  /** The document without `apiVersion`, `kind` and `status`; of metadata the name, labels and annotations. */
  object: Fields & { metadata: Fields };
}

const statedMetadata = ['name', 'labels', 'annotations'];

/** Undefined for what belongs to somebody else's API, which may lie in the same directory. @throws ManifestError */
export function declarationOf(document: Fields): Declaration | undefined {
  const apiVersion = textAt(document, 'apiVersion');
  const kind = textAt(document, 'kind');
  if (apiVersion.split('/')[0] !== serverKind.group) return undefined;
  const definition = findKind(kind);
  if (!definition || apiVersionOf(definition) !== apiVersion) {
    throw new ManifestError(`there is no kind ${JSON.stringify(kind)} in ${apiVersion}`, { field: 'kind' });
  }
  const { apiVersion: _, kind: __, status: ___, metadata, ...fields } = document;
  if (!isFields(metadata)) throw new ManifestError('Required value: an object with a name', { field: 'metadata' });
  const stated = Object.entries(metadata).filter(([, value]) => value !== null);
  for (const [field] of stated) {
    if (statedMetadata.includes(field)) continue;
    throw new ManifestError('a manifest states name, labels and annotations', { field: `metadata.${field}` });
  }
  const name = textAt(metadata, 'name', 'metadata.name');
  return { kind, name, object: { ...fields, metadata: Object.fromEntries(stated) } };
}

/**
 * The merge patch that gives `current` what the manifest states: undefined when it has all of it. What the manifest does
 * not state stays as it is; so does `spec.power`, of which a manifest says only how it begins.
 */
export function changesFor(current: StoredObject, { kind, object }: Declaration, owner: Owner): Fields | undefined {
  const { metadata, spec, ...others } = object;
  const { name: _, ...texts } = metadata;
  const wanted: Fields = { ...others, metadata: texts };
  if (kind === serverKind.kind && isFields(spec)) {
    const { power: __, ...owned } = spec;
    wanted['spec'] = { ...owned, owner };
  } else if (spec !== undefined) {
    wanted['spec'] = spec;
  }
  return difference(wanted, current) as Fields | undefined;
}

/** RFC 7396. Lists are compared and replaced whole; a null is what is not there. */
function difference(wanted: unknown, current: unknown): unknown {
  if (!isFields(wanted) || !isFields(current)) return isDeepStrictEqual(wanted, current) ? undefined : wanted;
  const changes = Object.entries(wanted).flatMap(([key, value]) => {
    const present = Object.hasOwn(current, key) ? current[key] : undefined;
    const change = value === null && present === undefined ? undefined : difference(value, present);
    return change === undefined ? [] : [[key, change] as const];
  });
  return changes.length > 0 ? Object.fromEntries(changes) : undefined;
}

function textAt(fields: Fields, name: string, path = name): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new ManifestError(
    value === undefined || value === null ? 'Required value' : 'must be a text that is not empty',
    {
      field: path,
    },
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
