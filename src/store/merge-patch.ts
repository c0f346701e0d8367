// JSON merge patch (RFC 7396) over plain JSON data. Pure: neither argument is changed.
import { isRecord } from './json.ts';

/** `null` removes a key, an object is merged into what is there, anything else (arrays too) replaces it. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const merged = new Map(isRecord(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) merged.delete(key);
    else merged.set(key, applyMergePatch(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}
