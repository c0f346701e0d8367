// A watch with a selector sees objects enter and leave the selection: a change of labels becomes ADDED or DELETED.
import type { StoredObject } from '../../../resources/object.ts';
import type { WatchEvent } from '../../../store/store.ts';
import type { Matcher } from '../selectors.ts';

export type ObjectEvent = Exclude<WatchEvent, { type: 'BOOKMARK' }>;
export type EventFilter = (event: ObjectEvent) => ObjectEvent | undefined;

/** For selectors over what never changes, such as the name. */
export function fixedFilter(matches: Matcher): EventFilter {
  return (event) => (matches(event.object) ? event : undefined);
}

/**
 * For selectors over labels.
 * @param selected names that match at the watch's start; undefined when that is not known. Then the first change of an
 *   object that does not match is told as DELETED, because the reader may hold it: one too many harms nobody, one too
 *   few leaves the reader with an object for ever.
 */
export function trackingFilter(matches: Matcher, selected: ReadonlySet<string> | undefined): EventFilter {
  const inside = new Set(selected);
  const outside = new Set<string>();
  return (event) => {
    const { name } = event.object.metadata;
    const unsure = selected === undefined && !inside.has(name) && !outside.has(name);
    const was = inside.has(name);
    const is = event.type !== 'DELETED' && matches(event.object);
    if (is) inside.add(name);
    else inside.delete(name);
    if (event.type === 'DELETED') outside.delete(name);
    else if (!is && selected === undefined) outside.add(name);

    if (is) return { type: was || (unsure && event.type === 'MODIFIED') ? 'MODIFIED' : 'ADDED', object: event.object };
    if (was || (unsure && event.type !== 'ADDED')) return { type: 'DELETED', object: event.object };
    return undefined;
  };
}

/** The names in `objects` that match. */
export function selectedNames(objects: readonly StoredObject[], matches: Matcher): Set<string> {
  return new Set(objects.filter(matches).map((object) => object.metadata.name));
}
