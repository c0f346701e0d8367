// JSON as PHP writes it, read as it is meant: an empty map arrives as a list, a list with holes as an object, a number as
// text, and null where nothing was filled in. Pure; what cannot be meant is undefined.

export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A list counts as an empty map. */
export function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** An object counts as the list of its values. */
export function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isFields(value) ? Object.values(value) : [];
}

export function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}

export function textsOf(value: unknown): string[] {
  return listOf(value).flatMap((one) => textOf(one) ?? []);
}

/** Fractions are cut off. */
export function integerOf(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? Math.trunc(value) : undefined;
  if (typeof value !== 'string' || !/^\s*[-+]?\d{1,15}(?:\.\d*)?\s*$/.test(value)) return undefined;
  return Math.trunc(Number(value));
}

export function booleanOf(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (value === 1 || value === '1' || value === 'true') return true;
  return value === 0 || value === '0' || value === 'false' || value === '' ? false : undefined;
}
