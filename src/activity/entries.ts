// From rows that wait to entries of a report: one each, but for file transfers, of which what one user did in one minute is
// one entry. Pure.
import { type Activity, renameEvent } from './activity.ts';

/** A record in the journal. */
export interface Row {
  id: number;
  activity: Activity;
}

/** One entry of a report, and the rows that are done with it. */
export interface Entry {
  ids: number[];
  activity: Activity;
}

/** Paths of one entry; beyond, another one begins. */
const mostPaths = 500;

/** Characters of one report, the first entry not counted: proxies before a Panel refuse bodies from 1 MiB on. */
const longestReport = 768 * 1024;

export function entryOf({ id, activity }: Row): Entry {
  return { ids: [id], activity };
}

/** Same user, server, address, event and minute: one entry, each path once, with the time of the first. */
export function mergeTransfers(rows: readonly Row[]): Entry[] {
  const inOrder = [...rows].sort((one, other) => timeOf(one) - timeOf(other) || one.id - other.id);
  const merged: Merging[] = [];
  const open = new Map<string, Merging>();
  for (const row of inOrder) {
    const { user, server, ip, event } = row.activity;
    const key = JSON.stringify([user, server, ip, event, minuteOf(row.activity.timestamp)]);
    let group = open.get(key);
    if (!group || group.files.size >= mostPaths) {
      group = { first: row.activity, ids: [], files: new Map() };
      open.set(key, group);
      merged.push(group);
    }
    group.ids.push(row.id);
    for (const file of filesOf(row.activity)) group.files.set(JSON.stringify(file), file);
  }
  return merged.map(({ first, ids, files }) => ({
    ids,
    activity: { ...first, metadata: metadataOf(first.event, [...files.values()]) },
  }));
}

/** What fits into one report: `count` entries at most, one at least. */
export function fitting(entries: readonly Entry[], count: number): Entry[] {
  let length = 0;
  const taken: Entry[] = [];
  for (const entry of entries.slice(0, Math.max(1, count))) {
    length += JSON.stringify(entry.activity).length;
    if (taken.length > 0 && length > longestReport) break;
    taken.push(entry);
  }
  return taken;
}

export function minuteOf(timestamp: string): string {
  return timestamp.slice(0, 'YYYY-MM-DDTHH:MM'.length);
}

interface Merging {
  first: Activity;
  ids: number[];
  files: Map<string, unknown>;
}

function timeOf({ activity }: Row): number {
  return Date.parse(activity.timestamp);
}

/** Wings of Pelican kept renames without `files`. */
function filesOf({ event, metadata }: Activity): unknown[] {
  const { files, from, to } = metadata;
  if (Array.isArray(files)) return files;
  return event === renameEvent && from !== undefined ? [{ from, to }] : [];
}

/** One Panel shows a single rename from `files`, the other from the keys beside it. */
function metadataOf(event: string, files: unknown[]): Activity['metadata'] {
  const [only] = files;
  if (event !== renameEvent || files.length !== 1 || typeof only !== 'object' || only === null) return { files };
  const { from, to } = only as { from?: unknown; to?: unknown };
  return { files, from, to };
}
