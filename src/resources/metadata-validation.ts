// What an object's metadata may be, by the rules of Kubernetes: names, labels, annotations, finalizers, owners.
import type { FieldCause } from './errors.ts';
import { invalidValue, required, tooLong, wrongType } from './field-causes.ts';
import { namePattern } from './schema-parts.ts';

const longestName = 253;
const longestLabelPart = 63;
const mostAnnotationBytes = 256 * 1024;
const mostEntries = 256;

const name = new RegExp(namePattern);
const labelPart = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

const nameRule =
  'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "-" or ".", and must start and end with an alphanumeric character';
const labelValueRule =
  'a valid label must be an empty string or consist of alphanumeric characters, "-", "_" or ".", and must start and end with an alphanumeric character';
const qualifiedNameRule =
  'name part must consist of alphanumeric characters, "-", "_" or ".", and must start and end with an alphanumeric character, with an optional DNS subdomain prefix and "/"';

export function validateMetadata(metadata: Record<string, unknown>): FieldCause[] {
  return [
    ...nameCauses(metadata['name']),
    ...mapCauses('metadata.labels', metadata['labels'], labelValueCauses),
    ...mapCauses('metadata.annotations', metadata['annotations'], () => []),
    ...annotationSizeCauses(metadata['annotations']),
    ...finalizerCauses(metadata['finalizers']),
    ...ownerCauses(metadata['ownerReferences']),
  ];
}

function nameCauses(value: unknown): FieldCause[] {
  if (value === undefined || value === '') return [required('metadata.name', 'name or generateName is required')];
  if (typeof value !== 'string') return [wrongType('metadata.name', value, 'string')];
  if (value.length > longestName) return [tooLong('metadata.name', longestName)];
  return name.test(value) ? [] : [invalidValue('metadata.name', value, nameRule)];
}

function mapCauses(
  field: string,
  value: unknown,
  valueCauses: (field: string, value: string) => FieldCause[],
): FieldCause[] {
  if (value === undefined) return [];
  if (!isRecord(value)) return [wrongType(field, value, 'object')];
  const entries = Object.entries(value);
  if (entries.length > mostEntries)
    return [invalidValue(field, undefined, `must not have more than ${mostEntries} entries`)];
  return entries.flatMap(([key, text]) => [
    ...(isQualifiedName(key) ? [] : [invalidValue(field, key, qualifiedNameRule)]),
    ...(typeof text === 'string'
      ? valueCauses(`${field}[${key}]`, text)
      : [wrongType(`${field}[${key}]`, text, 'string')]),
  ]);
}

/** `example.com/name` or `name`. */
export function isQualifiedName(text: string): boolean {
  const parts = text.split('/');
  if (parts.length > 2) return false;
  const [last, prefix] = parts.reverse();
  const goodName = last !== undefined && last.length <= longestLabelPart && labelPart.test(last);
  return goodName && (prefix === undefined || (prefix.length <= longestName && name.test(prefix)));
}

function labelValueCauses(field: string, value: string): FieldCause[] {
  if (value.length > longestLabelPart) return [tooLong(field, longestLabelPart)];
  return value === '' || labelPart.test(value) ? [] : [invalidValue(field, value, labelValueRule)];
}

function annotationSizeCauses(value: unknown): FieldCause[] {
  if (!isRecord(value)) return [];
  const bytes = Object.entries(value).reduce(
    (sum, [key, text]) => sum + Buffer.byteLength(key) + Buffer.byteLength(String(text)),
    0,
  );
  return bytes > mostAnnotationBytes ? [tooLong('metadata.annotations', mostAnnotationBytes)] : [];
}

function finalizerCauses(value: unknown): FieldCause[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > mostEntries) return [wrongType('metadata.finalizers', value, 'array')];
  return value.flatMap((finalizer, index) => {
    const good = typeof finalizer === 'string' && isQualifiedName(finalizer);
    return good ? [] : [invalidValue(`metadata.finalizers[${index}]`, finalizer, qualifiedNameRule)];
  });
}

function ownerCauses(value: unknown): FieldCause[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > mostEntries)
    return [wrongType('metadata.ownerReferences', value, 'array')];
  return value.flatMap((owner, index) => {
    const field = `metadata.ownerReferences[${index}]`;
    if (!isRecord(owner)) return [wrongType(field, owner, 'object')];
    return ['apiVersion', 'kind', 'name', 'uid'].flatMap((key) =>
      typeof owner[key] === 'string' && owner[key] !== '' ? [] : [required(`${field}.${key}`)],
    );
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
