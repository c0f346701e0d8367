// What `apply` changes in an object that is there: what the file states is set, what an earlier file stated and this one
// no longer does is removed, everything else stays. kubectl does the same and keeps its memory in the same annotation,
// so the two may take turns. Pure.
import { isDeepStrictEqual } from 'node:util';

export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

export type Fields = Record<string, unknown>;

/** The object with the memory of itself, as it is created. */
export function withMemory(object: Fields): Fields {
  const metadata = fieldsOf(object['metadata']);
  const { [lastAppliedAnnotation]: _, ...annotations } = fieldsOf(metadata['annotations']);
  const bare = { ...object, metadata: { ...metadata, annotations } };
  const memory = `${canonical(bare)}\n`;
  return { ...object, metadata: { ...metadata, annotations: { ...annotations, [lastAppliedAnnotation]: memory } } };
}

/** An RFC 7396 patch from `current` to what `wanted` (with its memory) states; empty when there is nothing to do. */
export function patchFor(current: Fields, wanted: Fields): Fields {
  const before = memoryOf(current);
  const changes = combined(deletions(before, wanted), additions(current, wanted)) ?? {};
  // Only the memory differs when a file is written in another order; that is no change of the object.
  return onlyMemory(changes) && isDeepStrictEqual(before, memoryOf(wanted)) ? {} : changes;
}

/** As kubectl spells it, so that the same file is "unchanged" for either: keys sorted, some signs escaped. */
function canonical(value: unknown): string {
  const sorted = JSON.stringify(value, (_, part: unknown) =>
    isFields(part) ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1))) : part,
  );
  return sorted.replace(/[<>&\u2028\u2029]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function memoryOf(object: Fields): Fields {
  const text = fieldsOf(fieldsOf(object['metadata'])['annotations'])[lastAppliedAnnotation];
  if (typeof text !== 'string') return {};
  try {
    return fieldsOf(JSON.parse(text));
  } catch {
    return {}; // somebody wrote into the annotation: nothing is known, so nothing is removed
  }
}

/** What `wanted` states and `current` has not; lists are replaced whole. */
function additions(current: Fields, wanted: Fields): Fields | undefined {
  return pick(wanted, (key, value) => {
    const present = Object.hasOwn(current, key) ? current[key] : undefined;
    if (isFields(value) && isFields(present)) return additions(present, value);
    if (value === null) return present === undefined ? undefined : null;
    return isDeepStrictEqual(value, present) ? undefined : value;
  });
}

/** Nulls for what `before` stated and `wanted` does not. */
function deletions(before: Fields, wanted: Fields): Fields | undefined {
  return pick(before, (key, value) => {
    if (!Object.hasOwn(wanted, key)) return null;
    const next = wanted[key];
    return isFields(value) && isFields(next) ? deletions(value, next) : undefined;
  });
}

function combined(first: Fields | undefined, second: Fields | undefined): Fields | undefined {
  if (!first || !second) return first ?? second;
  const both = { ...first };
  for (const [key, value] of Object.entries(second)) {
    const other = both[key];
    both[key] = isFields(other) && isFields(value) ? combined(other, value) : value;
  }
  return both;
}

function pick(fields: Fields, choose: (key: string, value: unknown) => unknown): Fields | undefined {
  const chosen = Object.entries(fields).flatMap(([key, value]) => {
    const result = choose(key, value);
    return result === undefined ? [] : [[key, result] as const];
  });
  return chosen.length > 0 ? Object.fromEntries(chosen) : undefined;
}

function onlyMemory(changes: Fields): boolean {
  const { metadata, ...others } = changes;
  if (Object.keys(others).length > 0) return false;
  const { annotations, ...rest } = fieldsOf(metadata);
  return (
    Object.keys(rest).length === 0 && Object.keys(fieldsOf(annotations)).every((name) => name === lastAppliedAnnotation)
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}
