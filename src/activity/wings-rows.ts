// What Wings had not told the Panel yet when Aileron took its place: rows of its database, read and never changed.
import { statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { type Activity, activityOf, type Metadata } from './activity.ts';

export interface WingsRows {
  activities: { activity: Activity; at: number }[];
  /** Rows that no Panel would take. */
  unusable: number;
}

/** `2026-11-20 20:24:46.514426017+00:00`, and the forms of Go and of RFC 3339. */
const timeForm = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?/;

/**
 * The newest rows that are from after `since`, oldest first. No file, or none with such a table: no rows.
 * @param since ms since the epoch
 * @throws the error of SQLite or of the file system
 */
export function readWingsRows(path: string, since: number, limit: number): WingsRows {
  const none = { activities: [], unusable: 0 };
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return none;
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const table = database.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'activities'").get();
    if (!table) return none;
    const rows = database
      .prepare('SELECT user, server, event, metadata, ip, timestamp FROM activities ORDER BY id DESC LIMIT ?')
      .all(limit)
      .reverse();
    return usableRows(rows, since);
  } finally {
    database.close();
  }
}

function usableRows(rows: readonly Record<string, unknown>[], since: number): WingsRows {
  const activities: WingsRows['activities'] = [];
  let unusable = 0;
  for (const { user, server, event, metadata, ip, timestamp } of rows) {
    const time = readTime(text(timestamp));
    if (time && time.at <= since) continue;
    const input = { user: text(user), server: text(server), event: text(event), ip: text(ip) };
    const activity = time && activityOf({ ...input, metadata: readMetadata(metadata), at: time.at }, time.at);
    if (activity) activities.push({ activity: { ...activity, timestamp: time.timestamp }, at: time.at });
    else unusable += 1;
  }
  return { activities, unusable };
}

function text(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  return typeof value === 'string' ? value : '';
}

function readMetadata(value: unknown): Metadata {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text(value));
  } catch {
    // The entry is worth more than what cannot be read of it.
    return {};
  }
  return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Metadata) : {};
}

/** The fraction stays as it was written. */
function readTime(value: string): { at: number; timestamp: string } | undefined {
  const [, date, time, fraction = '', zone = 'Z'] = timeForm.exec(value) ?? [];
  const at = Date.parse(`${date}T${time}${zone === 'Z' || zone.includes(':') ? zone : zoneWithColon(zone)}`);
  if (Number.isNaN(at)) return undefined;
  const seconds = new Date(at).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length);
  return { at: at + Math.floor(Number(`0${fraction}`) * 1000), timestamp: `${seconds}${fraction}Z` };
}

function zoneWithColon(zone: string): string {
  return `${zone.slice(0, 3)}:${zone.slice(3)}`;
}
