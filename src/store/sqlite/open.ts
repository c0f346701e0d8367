// Opens the database file, checks it, brings it to the newest format. A file that is damaged is renamed and a new one
// made; nothing is ever overwritten, and damage never keeps the daemon from starting.
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreError, StoreUnavailableError } from '../errors.ts';
import { describe, hasPrimaryCode, sqlitePrimary } from './error-data.ts';
import { type HeldLock, holdLock } from './lock.ts';
import type { SetAside } from './messages.ts';
import { checkVersion, migrate, missingTables } from './migrations.ts';

export interface OpenedDatabase {
  database: DatabaseSync;
  lock: HeldLock;
  setAside: SetAside | undefined;
  warnings: string[];
}

/** The file's content cannot be used. */
class DamageError extends Error {}

/** Files SQLite keeps beside a database; they belong to it and are renamed with it. */
const companions = ['', '-wal', '-journal'];

/**
 * @param now RFC 3339, part of the name of a file that is set aside.
 * @throws StoreLockedError, StoreVersionError, StoreUnavailableError
 */
export function openDatabase(path: string, now: string): OpenedDatabase {
  const lock = atTheDoor(path, () => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    return holdLock(path);
  });
  try {
    return { ...atTheDoor(path, () => openOrReplace(path, now)), lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Says what cannot be opened and what to look at. */
function atTheDoor<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof StoreError) throw error;
    throw new StoreUnavailableError(
      `cannot open the state at ${path}: ${describe(error)}; check that its directory may be written to and has space left`,
      { cause: error },
    );
  }
}

function openOrReplace(path: string, now: string): Omit<OpenedDatabase, 'lock'> {
  const warnings: string[] = [];
  const isNew = !existsSync(path);
  // An empty file without a log holds nothing to keep: a first start was cut short, or the content is gone for good.
  if (!isNew && isEmptyFile(path) && !hasLog(path)) warnings.push(`${path} was an empty file; started with no objects`);
  let setAside: SetAside | undefined;
  let database: DatabaseSync;
  try {
    database = openChecked(path, Date.parse(now));
  } catch (error) {
    if (!(error instanceof DamageError)) throw error;
    setAside = { path: freeName(path, now), reason: error.message };
    rename(path, setAside.path);
    database = openChecked(path, Date.parse(now));
  }
  if (isNew || setAside) syncDirectory(dirname(path));
  return { database, setAside, warnings };
}

function openChecked(path: string, now: number): DatabaseSync {
  if (existsSync(path) && isEmptyFile(path) && hasLog(path)) throw new DamageError('the file is empty but has a log');
  // Made here and not by SQLite, whose files every user may read; the log inherits the mode.
  if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600));
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Before the first access: then the log's index is in this process's memory and not in a mapped file, which would
    // be a SIGBUS on a full disk.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    checkVersion(database, path);
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216');
    checkContent(database);
    migrate(database, now);
    const missing = missingTables(database);
    if (missing.length > 0) throw new DamageError(`no table ${missing.join(', ')}`);
    return database;
  } catch (error) {
    database.close();
    if (hasPrimaryCode(error, sqlitePrimary.corrupt, sqlitePrimary.notADatabase)) {
      throw new DamageError(describe(error), { cause: error });
    }
    throw error;
  }
}

function checkContent(database: DatabaseSync): void {
  const row = database.prepare('PRAGMA quick_check(1)').get();
  if (row?.quick_check !== 'ok') throw new DamageError(`quick_check: ${row?.quick_check}`);
}

/** SQLite takes a file of one byte for an empty one. */
function isEmptyFile(path: string): boolean {
  return statSync(path).size <= 1;
}

function hasLog(path: string): boolean {
  return existsSync(`${path}-wal`) && !isEmptyFile(`${path}-wal`);
}

function freeName(path: string, now: string): string {
  const base = `${path}.set-aside-${now.replaceAll(/[-:]/g, '')}`;
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? base : `${base}-${number}`;
    if (!existsSync(name)) return name;
  }
}

function rename(from: string, to: string): void {
  for (const suffix of companions) if (existsSync(from + suffix)) renameSync(from + suffix, to + suffix);
}

/** So that the names themselves survive a power cut. */
function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
