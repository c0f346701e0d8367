// Selection by labels: equality, all of them. Everything richer is an informer's index.
import type { StoredObject } from '../resources/object.ts';

export function hasLabels(object: StoredObject, wanted: Record<string, string>): boolean {
  const labels = object.metadata.labels ?? {};
  return Object.entries(wanted).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}
