// What an object's metadata may be beyond its schema, by the rules of Kubernetes: names, labels, annotations,
// finalizers, owners. A value of the wrong type has been told already and is passed over here.
import type { FieldCause } from './errors.ts';
import { eventNamespace } from './event.ts';
import { atKey, forbiddenField, invalidValue, required, tooLong, tooMany } from './field-causes.ts';
import type { KindDefinition } from './kinds.ts';
import type { ObjectMeta } from './object.ts';
import { namePattern, nameRule } from './schema-parts.ts';

const longestName = 253;
const longestLabelPart = 63;
const mostAnnotationBytes = 256 * 1024;
const mostEntries = 256;

const name = new RegExp(namePattern);
const labelPart = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

const labelValueRule =
  'a valid label must be an empty string or consist of alphanumeric characters, "-", "_" or ".", and must start and end with an alphanumeric character';
const qualifiedNameRule =
  'name part must consist of alphanumeric characters, "-", "_" or ".", and must start and end with an alphanumeric character, with an optional DNS subdomain prefix and "/"';

type Metadata = Record<string, unknown>;
type Stored = Pick<ObjectMeta, 'deletionTimestamp' | 'finalizers'>;

/** `current`: the metadata as it is stored, when the object is there already. */
export function validateMetadata(kind: KindDefinition, metadata: Metadata, current: Stored | undefined): FieldCause[] {
  return [
    ...nameCauses(metadata['name']),
    ...namespaceCauses(kind, metadata['namespace']),
    ...labelCauses(metadata['labels']),
    ...annotationCauses(metadata['annotations']),
    ...finalizerCauses(metadata['finalizers'], current),
    ...ownerCauses(metadata['ownerReferences']),
  ];
}

function nameCauses(value: unknown): FieldCause[] {
  if (value === undefined || value === '') return [required('metadata.name', 'name or generateName is required')];
  // A longer one has been told by the schema.
  if (typeof value !== 'string' || value.length > longestName || name.test(value)) return [];
  return [invalidValue('metadata.name', value, nameRule)];
}

function namespaceCauses({ namespaced }: KindDefinition, value: unknown): FieldCause[] {
  const given = value !== undefined && value !== '';
  if (!given || (namespaced && value === eventNamespace)) return [];
  const detail = namespaced ? `only the namespace "${eventNamespace}" exists` : 'not allowed on this type';
  return [forbiddenField('metadata.namespace', detail)];
}

function labelCauses(value: unknown): FieldCause[] {
  return textsOf(value).flatMap(([key, text]) => {
    const field = atKey('metadata.labels', key);
    const causes = isQualifiedName(key) ? [] : [invalidValue('metadata.labels', key, qualifiedNameRule)];
    if (text.length > longestLabelPart) return [...causes, tooLong(field, longestLabelPart)];
    return isLabelValue(text) ? causes : [...causes, invalidValue(field, text, labelValueRule)];
  });
}

function annotationCauses(value: unknown): FieldCause[] {
  const texts = textsOf(value);
  const bytes = texts.reduce((sum, [key, text]) => sum + Buffer.byteLength(key) + Buffer.byteLength(text), 0);
  // Unlike that of a label, the prefix of an annotation may have capitals.
  const causes = texts
    .filter(([key]) => !isQualifiedName(key.toLowerCase()))
    .map(([key]) => invalidValue('metadata.annotations', key, qualifiedNameRule));
  return bytes > mostAnnotationBytes
    ? [...causes, tooLong('metadata.annotations', mostAnnotationBytes, 'bytes')]
    : causes;
}

export function isLabelValue(text: string): boolean {
  return text === '' || (text.length <= longestLabelPart && labelPart.test(text));
}

/** `example.com/name` or `name`. */
export function isQualifiedName(text: string): boolean {
  const parts = text.split('/');
  if (parts.length > 2) return false;
  const [last, prefix] = parts.reverse();
  const goodName = last !== undefined && last.length <= longestLabelPart && labelPart.test(last);
  return goodName && (prefix === undefined || (prefix.length <= longestName && name.test(prefix)));
}

function finalizerCauses(value: unknown, current: Stored | undefined): FieldCause[] {
  const finalizers: unknown[] = Array.isArray(value) ? value : [];
  if (finalizers.length > mostEntries) return [tooMany('metadata.finalizers', finalizers.length, mostEntries)];
  const causes = finalizers.flatMap((finalizer, index) => {
    const good = typeof finalizer !== 'string' || isQualifiedName(finalizer);
    return good ? [] : [invalidValue(atKey('metadata.finalizers', index), finalizer, qualifiedNameRule)];
  });
  if (!current?.deletionTimestamp) return causes;
  const present = new Set(current.finalizers);
  // Whoever looked at the list when the deletion began has counted on it.
  return finalizers.every((finalizer) => present.has(finalizer as string))
    ? causes
    : [
        ...causes,
        forbiddenField('metadata.finalizers', 'no new finalizers can be added if the object is being deleted'),
      ];
}

function ownerCauses(value: unknown): FieldCause[] {
  const owners = Array.isArray(value) ? value.filter(isRecord) : [];
  if (owners.length > mostEntries) return [tooMany('metadata.ownerReferences', owners.length, mostEntries)];
  const causes = owners.flatMap((owner, index) =>
    ['apiVersion', 'kind', 'name', 'uid']
      .filter((key) => owner[key] === '')
      .map((key) => required(`${atKey('metadata.ownerReferences', index)}.${key}`)),
  );
  if (owners.filter(({ controller }) => controller === true).length < 2) return causes;
  return [
    ...causes,
    invalidValue('metadata.ownerReferences', undefined, 'only one reference can have "controller" set to true'),
  ];
}

function textsOf(value: unknown): [string, string][] {
  if (!isRecord(value)) return [];
  return Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
