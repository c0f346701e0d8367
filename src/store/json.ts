// What the store takes and gives: plain JSON data. Keys such as `__proto__` are data like any other, so nothing here
// assigns a key that came from outside; objects are made by JSON.parse, spread and Object.fromEntries only.
import { MalformedObjectError, ObjectTooLargeError } from './errors.ts';

/** The limit of etcd's requests, so that what fits here fits behind a Kubernetes API server too. */
export const maxObjectBytes = 1_572_864;

/** Far beyond any schema of ours; keeps every recursion over an object far from the end of the stack. */
export const maxDepth = 128;

export type JsonRecord = Record<string, unknown>;

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The JSON text of what a caller handed in, taken at once: later changes to it reach nobody. @throws MalformedObjectError */
export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new MalformedObjectError('not JSON: an object that refers to itself, is nested too deep or holds a BigInt', {
      cause,
    });
  }
}

/** The text an object is kept as. @throws ObjectTooLargeError */
export function textOf(object: { kind: string; metadata: { name: string } }): string {
  const text = JSON.stringify(object);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxObjectBytes) {
    throw new ObjectTooLargeError(
      `${object.kind} "${object.metadata.name}" would have ${bytes} bytes; an object may have ${maxObjectBytes}`,
    );
  }
  return text;
}

export function parseFrozen<T>(text: string): T {
  return deepFreeze(JSON.parse(text) as T);
}

export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}

/** Walks with a list of its own, because a recursion is what the limit protects. @throws MalformedObjectError */
export function checkDepth(value: unknown): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > maxDepth) throw new MalformedObjectError(`nested deeper than ${maxDepth} levels`);
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item === 'object' && item !== null) for (const inner of Object.values(item)) next.push(inner);
    }
    level = next;
  }
}
