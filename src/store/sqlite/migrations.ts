// The database's shape, by number: `PRAGMA user_version` says how many of these have run. A released migration is never
// edited; a change is a new one at the end.
import type { DatabaseSync } from 'node:sqlite';
import { StoreVersionError } from '../errors.ts';

/** "AILN": tells this store from any other program's SQLite database. */
const applicationId = 0x41494c4e;

const tables = ['object', 'history', 'forgotten'];

const migrations: readonly ((database: DatabaseSync, now: number) => void)[] = [
  (database, now) => {
    // The checks are what quick_check verifies at start: they find a damaged text that the pages do not show.
    // No secondary index, because quick_check would not compare it with its table.
    database.exec(`
      CREATE TABLE object (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        json TEXT NOT NULL CHECK (json_valid(json)),
        PRIMARY KEY (kind, name)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE history (
        revision INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        kind TEXT NOT NULL,
        type TEXT NOT NULL,
        json TEXT NOT NULL CHECK (json_valid(json))
      ) STRICT;
      CREATE TABLE forgotten (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        through INTEGER NOT NULL
      ) STRICT;
    `);
    // A new store begins at the time in ms: above every revision of a store that stood here before it, which made far
    // fewer than a thousand a second. A reader that comes with a revision of that one is told to list again.
    database.prepare('INSERT INTO forgotten (one, through) VALUES (1, ?)').run(now);
  },
];

/** Refuses a database that is not ours to write, before anything is written. @throws StoreVersionError */
export function checkVersion(database: DatabaseSync, path: string): void {
  const version = pragma(database, 'user_version');
  const owner = pragma(database, 'application_id');
  const isEmpty = database.prepare('SELECT name FROM sqlite_schema LIMIT 1').get() === undefined;
  if (isEmpty && version === 0) return;
  if (owner !== applicationId) {
    throw new StoreVersionError(`${path} is a database of another program: give this daemon another store.path`);
  }
  if (version > migrations.length) {
    throw new StoreVersionError(
      `the state at ${path} has format ${version}, this version knows formats up to ${migrations.length}: ` +
        'start the newer version again, or give this one another store.path. Nothing was changed',
    );
  }
}

/** Each in a transaction of its own with its number. @param now ms since the epoch */
export function migrate(database: DatabaseSync, now: number): void {
  for (let version = pragma(database, 'user_version'); version < migrations.length; version += 1) {
    database.exec('BEGIN IMMEDIATE');
    try {
      migrations[version]?.(database, now);
      database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${version + 1}; COMMIT`);
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  }
}

/** Names of tables that should be there and are not. */
export function missingTables(database: DatabaseSync): string[] {
  const rows = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const present = new Set(rows.map((row) => row.name));
  return tables.filter((name) => !present.has(name));
}

function pragma(database: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name]);
}
