// Reasons for a refusal with the wording of a Kubernetes API server, so that people and programs know what they read.
import type { FieldCause } from './errors.ts';

const longestShown = 128;

export function atField(path: string, name: string): string {
  return path === '' ? cut(name) : `${path}.${cut(name)}`;
}

/** An entry of a map, whose key is the writer's, or an item of a list. */
export function atKey(path: string, key: string | number): string {
  return `${path}[${cut(String(key))}]`;
}

/** A value as a message shows it. */
export function shown(value: unknown): string {
  return cut(JSON.stringify(value) ?? 'null');
}

function cut(text: string): string {
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}

export function required(field: string, detail = ''): FieldCause {
  return { field, reason: 'FieldValueRequired', message: detail ? `Required value: ${detail}` : 'Required value' };
}

export function invalidValue(field: string, value: unknown, detail: string): FieldCause {
  const what = value === undefined ? 'Invalid value' : `Invalid value: ${shown(value)}`;
  return { field, reason: 'FieldValueInvalid', message: `${what}: ${detail}` };
}

/** Lists and objects are not shown, nor is anything of the environment: variables hold passwords. */
export function wrongType(field: string, value: unknown, expected: string): FieldCause {
  const name = typeNameOf(value);
  const isHidden = (typeof value === 'object' && value !== null) || field.startsWith('spec.environment');
  const message = `Invalid value: ${shown(name)}: must be of type ${expected}: ${shown(isHidden ? name : value)}`;
  return { field, reason: 'FieldValueTypeInvalid', message };
}

export function notSupported(field: string, value: unknown, supported: readonly unknown[]): FieldCause {
  const message = `Unsupported value: ${shown(value)}: supported values: ${supported.map(shown).join(', ')}`;
  return { field, reason: 'FieldValueNotSupported', message };
}

/** Of a name or an id: there is none of that. */
export function notFound(field: string, value: unknown): FieldCause {
  return { field, reason: 'FieldValueNotFound', message: `Not found: ${shown(value)}` };
}

export function duplicate(field: string, value: unknown, detail = ''): FieldCause {
  const message = `Duplicate value: ${shown(value)}${detail ? `: ${detail}` : ''}`;
  return { field, reason: 'FieldValueDuplicate', message };
}

export function forbiddenField(field: string, detail: string): FieldCause {
  return { field, reason: 'FieldValueForbidden', message: `Forbidden: ${detail}` };
}

export function tooLong(field: string, limit: number, unit: 'characters' | 'bytes' = 'characters'): FieldCause {
  return { field, reason: 'FieldValueTooLong', message: `Too long: may not be more than ${limit} ${unit}` };
}

export function tooMany(field: string, count: number, limit: number): FieldCause {
  return { field, reason: 'FieldValueTooMany', message: `Too many: ${count}: must have at most ${limit} items` };
}

function typeNameOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
