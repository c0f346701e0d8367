// Which fields of an object a manifest owns, and what became of them: what differs from it, what somebody else changed,
// and what a newer version no longer states. An annotation on the object remembers what the manifest stated last, as a
// digest of each value: it is written together with the fields, goes with the object, fits any store, and repeats no
// value. Pure.
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { StoredObject } from '../resources/object.ts';

export type Fields = Record<string, unknown>;

/** The stated fields with the digest of the value each had after it was applied. */
export interface Memo {
  [field: string]: Memo | string;
}

export const memoAnnotation = 'aileron.dev/last-applied-manifest';

/** Room for 500 variables. What does not fit is not remembered, so its fields are not let go of. */
const maxMemoBytes = 32 * 1024;

/** What of spec no manifest owns: what is stamped, and wishes that are only its beginning and others' afterwards. */
const leftToOthers: Readonly<Record<string, readonly string[]>> = {
  Server: ['owner', 'power'],
  Backup: ['owner', 'cancel'],
  Schedule: ['owner'],
};

/** Whether objects of the kind say whose they are. */
export function hasOwner(kind: string): boolean {
  return leftToOthers[kind]?.includes('owner') ?? false;
}

/** What a manifest owns: all it states but the name and what is left to others. */
export function ownedFields(kind: string, object: { metadata: { name?: unknown }; spec?: unknown }): Fields {
  const { metadata, spec, ...others } = object;
  const { name: _, ...texts } = metadata;
  const owned: Fields = { ...others, metadata: texts };
  if (spec === undefined) return owned;
  if (!isFields(spec)) return { ...owned, spec };
  const left = leftToOthers[kind] ?? [];
  return { ...owned, spec: Object.fromEntries(Object.entries(spec).filter(([field]) => !left.includes(field))) };
}

/**
 * The merge patch (RFC 7396) that gives `current` what is wanted; undefined when it has all of it. Lists are compared and
 * replaced whole; a null is what is not there.
 */
export function difference(wanted: Fields, current: Fields): Fields | undefined {
  return differing(wanted, current) as Fields | undefined;
}

function differing(wanted: unknown, current: unknown): unknown {
  if (!isFields(wanted) || !isFields(current)) return isDeepStrictEqual(wanted, current) ? undefined : wanted;
  const changes = Object.entries(wanted).flatMap(([key, value]) => {
    const present = fieldOf(current, key);
    const change = value === null && present === undefined ? undefined : differing(value, present);
    return change === undefined ? [] : [[key, change] as const];
  });
  return changes.length > 0 ? Object.fromEntries(changes) : undefined;
}

/**
 * The merge patch that takes away what was stated and is so no more: its defaults come back. What somebody else changed,
 * or added beside it, stays.
 */
export function lettingGo(memo: Memo, owned: Fields, current: Fields): Fields | undefined {
  const changes = Object.entries(memo).flatMap(([key, remembered]) => {
    const present = fieldOf(current, key);
    const stated = fieldOf(owned, key);
    if (present === undefined) return [];
    const stillStated = Object.hasOwn(owned, key);
    const change = stillStated ? withinBoth(remembered, stated, present) : removal(remembered, present);
    return change === undefined ? [] : [[key, change] as const];
  });
  return changes.length > 0 ? Object.fromEntries(changes) : undefined;
}

function withinBoth(remembered: Memo | string, stated: unknown, present: unknown): Fields | undefined {
  if (typeof remembered === 'string' || !isFields(stated) || !isFields(present)) return undefined;
  return lettingGo(remembered, stated, present);
}

/** An object of which nothing else is left goes whole: a part of it may not be allowed alone. */
function removal(remembered: Memo | string, present: unknown): null | Fields | undefined {
  if (typeof remembered === 'string') return digestOf(present) === remembered ? null : undefined;
  if (!isFields(present)) return undefined;
  return isDeepStrictEqual(memoOf(present, present), remembered) ? null : lettingGo(remembered, {}, present);
}

/** The paths of stated fields that are no longer what the manifest made them. */
export function changedByOthers(memo: Memo, owned: Fields, current: Fields, path = ''): string[] {
  return Object.entries(memo).flatMap(([key, remembered]) => {
    if (!Object.hasOwn(owned, key)) return [];
    const stated = fieldOf(owned, key);
    const present = fieldOf(current, key);
    const here = pathOf(path, key);
    if (typeof remembered === 'string') return digestOf(present) === remembered ? [] : [here];
    return isFields(stated) ? changedByOthers(remembered, stated, isFields(present) ? present : {}, here) : [];
  });
}

/** What is remembered of `owned` once the object is as `applied` says. */
export function memoOf(owned: Fields, applied: Fields): Memo {
  const entries = Object.entries(owned).map(([key, value]): [string, Memo | string] => {
    const present = fieldOf(applied, key);
    return [key, isFields(value) ? memoOf(value, isFields(present) ? present : {}) : digestOf(present)];
  });
  return Object.fromEntries(entries);
}

/** The annotation's text. `directory` tells objects of this manifest directory from those of another one. */
export function memoText(directory: string, fields: Memo): string {
  const text = JSON.stringify({ directory, fields });
  return Buffer.byteLength(text) > maxMemoBytes ? JSON.stringify({ directory }) : text;
}

/** What the annotation says; nothing of what cannot be read, as anybody may write annotations. */
export function memoIn({ metadata }: StoredObject): { directory?: string; fields?: Memo } {
  const text = metadata.annotations?.[memoAnnotation];
  if (text === undefined || text.length > maxMemoBytes) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {};
  }
  if (!isFields(value)) return {};
  const { directory, fields } = value;
  return {
    ...(typeof directory === 'string' ? { directory } : {}),
    ...(isMemo(fields) ? { fields } : {}),
  };
}

/** Both patches in one; they concern different fields. */
export function joined(one: Fields | undefined, other: Fields | undefined): Fields | undefined {
  if (!one || !other) return one ?? other;
  const entries = Object.entries(other).map(([key, value]): [string, unknown] => {
    const first = fieldOf(one, key);
    return [key, isFields(first) && isFields(value) ? joined(first, value) : value];
  });
  return { ...one, ...Object.fromEntries(entries) };
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The depth is bounded as that of manifests is. */
function isMemo(value: unknown, levels = 64): value is Memo {
  if (levels === 0 || !isFields(value)) return false;
  return Object.values(value).every((inner) => typeof inner === 'string' || isMemo(inner, levels - 1));
}

function fieldOf(fields: Fields, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}

/** What is not there and null are one. The order of fields does not count. */
function digestOf(value: unknown): string {
  const sorted = (_: string, inner: unknown): unknown =>
    isFields(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner;
  return createHash('sha256')
    .update(JSON.stringify(value ?? null, sorted))
    .digest('hex')
    .slice(0, 12);
}

function pathOf(above: string, key: string): string {
  if (!/^[A-Za-z_]\w*$/.test(key)) return `${above}[${key}]`;
  return above === '' ? key : `${above}.${key}`;
}
