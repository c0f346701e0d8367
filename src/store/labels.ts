// Selection by labels: equality, all of them. Everything richer is an informer's index.
import type { StoredObject } from '../resources/object.ts';

export function hasLabels(object: StoredObject, wanted: Record<string, string>): boolean {
  const labels = object.metadata.labels ?? {};
  // What an object inherits is never a text, so a label that nobody set cannot be equal.
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
