// One document of a manifest as what it declares. Pure.
import { apiVersionOf, findKind, installationKind, restoreKind, serverKind } from '../resources/kinds.ts';
import type { ManifestDocument } from './documents.ts';
import { type LineNode, lineOf } from './field-lines.ts';
import { ManifestError } from './manifest-error.ts';
import { type Fields, isFields, memoAnnotation } from './stated-fields.ts';

export interface Declaration {
  /** Name below the manifest directory. */
  file: string;
  line: number;
  lines: LineNode;
  kind: string;
  name: string;
  /** The document without `apiVersion`, `kind` and `status`; of metadata the name, labels and annotations. */
  object: Fields & { metadata: Fields };
}

/** Of somebody else's API, which may lie in the same directory. */
export interface ForeignDocument {
  file: string;
  line: number;
  apiVersion: string;
  kind: string;
}

/** A directory is followed for ever: at each start of a new node, or once the object is gone, old files would come back. */
const doneOnce: Readonly<Record<string, string>> = {
  [restoreKind.kind]:
    'a restore is done once, so it is not declared in a directory that is followed for ever; use kubectl apply or aileron restore',
  [installationKind.kind]:
    'an installation is done once, so it is not declared in a directory that is followed for ever; use kubectl apply',
};

const statedMetadata = ['name', 'labels', 'annotations'];

/** @throws ManifestError */
export function declarationOf(file: string, document: ManifestDocument): Declaration | ForeignDocument {
  const { line, lines, value } = document;
  try {
    const apiVersion = textAt(value, 'apiVersion');
    const kind = textAt(value, 'kind');
    if (apiVersion.split('/')[0] !== serverKind.group) return { file, line, apiVersion, kind };
    const definition = findKind(kind);
    if (!definition || apiVersionOf(definition) !== apiVersion) {
      throw new ManifestError(`there is no kind ${JSON.stringify(kind)} in ${apiVersion}`, { field: 'kind' });
    }
    if (doneOnce[kind] !== undefined) throw new ManifestError(doneOnce[kind], { field: 'kind' });
    const { apiVersion: _, kind: __, status: ___, metadata, ...fields } = value;
    const stated = statedOf(metadata);
    return {
      ...{ file, line, lines, kind, name: textAt(stated, 'name', 'metadata.name') },
      object: { ...fields, metadata: stated },
    };
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    const { message, field = '' } = error.mistake;
    throw new ManifestError(message, { line: lineOf(lines, field), field, cause: error });
  }
}

function statedOf(metadata: unknown): Fields {
  if (!isFields(metadata)) throw new ManifestError('Required value: an object with a name', { field: 'metadata' });
  const stated = Object.entries(metadata).filter(([, value]) => value !== null);
  for (const [field] of stated) {
    if (statedMetadata.includes(field)) continue;
    throw new ManifestError('a manifest states name, labels and annotations', { field: `metadata.${field}` });
  }
  const { annotations } = metadata;
  if (isFields(annotations) && Object.hasOwn(annotations, memoAnnotation)) {
    throw new ManifestError('is written by the node', { field: `metadata.annotations[${memoAnnotation}]` });
  }
  return Object.fromEntries(stated);
}

function textAt(fields: Fields, name: string, path = name): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  const missing = value === undefined || value === null;
  throw new ManifestError(missing ? 'Required value' : 'must be a text that is not empty', { field: path });
}
