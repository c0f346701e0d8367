// The rows in SQLite: a file of its own beside the store, in the thread of the journal. Synchronous. What was added is on
// the disk when `add` returns; too many rows and too old ones go, the oldest first, and are counted.
import { closeSync, existsSync, openSync, renameSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { isSftp } from './activity.ts';
import { type Lane, longestAgeMs } from './journal.ts';
import type { FoundRow, JournalNews, JournalWorkerOptions, NewRow } from './journal-messages.ts';
import { readWingsRows } from './wings-rows.ts';

const format = 1;

/** ms for a thread before this one to let go of the file. */
const lockPatienceMs = 5_000;

/** Old rows are looked for this often, ms. */
const ageCheckMs = 60 * 60 * 1000;

/** Characters of one page: a reader never holds more of them. */
const longestPage = 4 * 1024 * 1024;

/** Rows that go at once when there are too many bytes. */
const dropStep = 100;

/** SQLite's primary result codes (sqlite.org/rescode.html) of a file that is not whole, or none of SQLite's. */
const damaged = [11, 26];

type Sums = Record<Lane, number> & { bytes: number };

export class JournalDatabase {
  readonly #database: DatabaseSync;
  readonly #options: JournalWorkerOptions;
  readonly #sql: ReturnType<typeof prepare>;
  #sums: Sums;
  #news = noNews();
  #ageCheckedAt = Number.NEGATIVE_INFINITY;

  /** Takes over the rows of Wings too. @throws the error of SQLite or of the file system */
  static open(options: JournalWorkerOptions): JournalDatabase {
    const { path } = options;
    try {
      return new JournalDatabase(openFile(path), options);
    } catch (error) {
      if (!damaged.includes(primaryCode(error) ?? 0)) throw error;
      // One of them is kept: nobody reads it but who wonders what happened.
      for (const suffix of ['', '-wal']) {
        if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.damaged${suffix}`);
      }
      const opened = new JournalDatabase(openFile(path), options);
      opened.#news.warnings.push(`${path} was damaged: set aside as ${path}.damaged, begun anew`);
      return opened;
    }
  }

  private constructor(database: DatabaseSync, options: JournalWorkerOptions) {
    this.#database = database;
    this.#options = options;
    this.#sql = prepare(database);
    this.#sums = this.#count();
    this.#takeOver();
  }

  add(rows: readonly NewRow[], now: number): void {
    this.#atomic(() => {
      for (const row of rows) this.#insert(row);
      this.#dropSurplus();
      this.#dropAged(now);
    });
  }

  page(lane: Lane, after: number, limit: number): FoundRow[] {
    const rows: FoundRow[] = [];
    let length = 0;
    for (const row of this.#sql.page.iterate(laneNumber(lane), after, limit)) {
      const json = String(row.json);
      length += json.length;
      if (rows.length > 0 && length > longestPage) break;
      rows.push({ id: Number(row.id), json });
    }
    return rows;
  }

  remove(ids: readonly number[]): void {
    this.#atomic(() => {
      for (const id of ids) this.#uncount(this.#sql.remove.all(id));
    });
  }

  /** What is new since it was last asked. */
  takeNews(): JournalNews {
    const { plain, sftp } = this.#sums;
    const news = { ...this.#news, waiting: { plain, sftp } };
    this.#news = noNews();
    return news;
  }

  close(): void {
    this.#database.close();
  }

  /** What cannot be read now is read at the next start. */
  #takeOver(): void {
    const { wingsPath, mostRows } = this.#options;
    if (wingsPath === '') return;
    try {
      const since = Number(this.#sql.takenThrough.get()?.at ?? Number.MIN_SAFE_INTEGER);
      const { activities, unusable } = readWingsRows(wingsPath, since, mostRows);
      const newest = activities.reduce((latest, { at }) => Math.max(latest, at), since);
      if (newest === since) return;
      this.#atomic(() => {
        for (const { activity, at } of activities) {
          this.#insert({ lane: isSftp(activity.event) ? 'sftp' : 'plain', at, json: JSON.stringify(activity) });
        }
        // With the rows or not at all: none is taken over twice.
        this.#sql.markTaken.run(newest);
        this.#dropSurplus();
      });
      this.#news.takenOver += activities.length;
      this.#news.unusable += unusable;
    } catch (error) {
      this.#news.warnings.push(`the activity in ${wingsPath} could not be read: ${describe(error)}`);
    }
  }

  #insert({ lane, at, json }: NewRow): void {
    this.#sql.insert.run(laneNumber(lane), at, json);
    this.#sums[lane] += 1;
    this.#sums.bytes += Buffer.byteLength(json);
  }

  #dropSurplus(): void {
    const { mostRows, mostBytes } = this.#options;
    for (;;) {
      const surplus = this.#sums.plain + this.#sums.sftp - mostRows;
      const step = this.#sums.bytes > mostBytes ? Math.max(dropStep, surplus) : surplus;
      if (step <= 0) return;
      const dropped = this.#uncount(this.#sql.dropOldest.all(step));
      this.#news.overflow += dropped;
      if (dropped === 0) return;
    }
  }

  #dropAged(now: number): void {
    if (now - this.#ageCheckedAt < ageCheckMs) return;
    this.#ageCheckedAt = now;
    this.#news.aged += this.#uncount(this.#sql.dropAged.all(now - longestAgeMs));
  }

  #uncount(rows: readonly Record<string, unknown>[]): number {
    for (const { sftp, bytes } of rows) {
      this.#sums[sftp === 1 ? 'sftp' : 'plain'] -= 1;
      this.#sums.bytes -= Number(bytes);
    }
    return rows.length;
  }

  /** What is counted in memory is taken back with what fails. */
  #atomic(work: () => void): void {
    const before = { sums: { ...this.#sums }, news: { ...this.#news } };
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#sums = before.sums;
      this.#news = before.news;
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  #count(): Sums {
    const sums = { plain: 0, sftp: 0, bytes: 0 };
    for (const { sftp, rows, bytes } of this.#sql.count.all()) {
      sums[sftp === 1 ? 'sftp' : 'plain'] = Number(rows);
      sums.bytes += Number(bytes);
    }
    return sums;
  }
}

export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function openFile(path: string): DatabaseSync {
  // Made here and not by SQLite, whose files every user may read; the log inherits the mode.
  if (!existsSync(path)) closeSync(openSync(path, 'wx', 0o600));
  const database = new DatabaseSync(path, { timeout: lockPatienceMs });
  try {
    // First of all: then the log's index is in memory and not in a mapped file, a SIGBUS on a full disk.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304');
    const version = Number(database.prepare('PRAGMA user_version').get()?.user_version);
    if (version > format) throw new Error(`${path} has format ${version}, this version knows ${format}`);
    if (version === 0) create(database);
    const check = database.prepare('PRAGMA quick_check(1)').get()?.quick_check;
    if (check !== 'ok') throw Object.assign(new Error(String(check)), { errcode: damaged[0] });
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function create(database: DatabaseSync): void {
  // With AUTOINCREMENT an id is never used again, so who has removed a row cannot remove another one later.
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE activity (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      sftp INTEGER NOT NULL,
      at INTEGER NOT NULL,
      json TEXT NOT NULL
    ) STRICT;
    CREATE INDEX activity_by_lane ON activity (sftp, id);
    CREATE TABLE taken_over (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL) STRICT;
    PRAGMA user_version = ${format};
    COMMIT;
  `);
}

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  const counted = 'RETURNING sftp, octet_length(json) AS bytes';
  return {
    insert: sql('INSERT INTO activity (sftp, at, json) VALUES (?, ?, ?)'),
    page: sql('SELECT id, json FROM activity WHERE sftp = ? AND id > ? ORDER BY id LIMIT ?'),
    remove: sql(`DELETE FROM activity WHERE id = ? ${counted}`),
    dropOldest: sql(`DELETE FROM activity WHERE id IN (SELECT id FROM activity ORDER BY id LIMIT ?) ${counted}`),
    dropAged: sql(`DELETE FROM activity WHERE at < ? ${counted}`),
    count: sql('SELECT sftp, count(*) AS rows, sum(octet_length(json)) AS bytes FROM activity GROUP BY sftp'),
    takenThrough: sql('SELECT at FROM taken_over'),
    markTaken: sql('INSERT INTO taken_over (one, at) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET at = excluded.at'),
  };
}

function laneNumber(lane: Lane): 0 | 1 {
  return lane === 'sftp' ? 1 : 0;
}

function primaryCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return undefined;
  return error.errcode & 0xff;
}

function noNews(): Omit<JournalNews, 'waiting'> {
  return { overflow: 0, aged: 0, takenOver: 0, unusable: 0, warnings: [] };
}
