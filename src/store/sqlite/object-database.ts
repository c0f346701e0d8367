// The objects and their history in SQLite. Synchronous and without any other input or output: it runs in the worker.
// Every change of an object is one row of history under the next revision, in the same transaction.
import { randomUUID } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { StoredObject } from '../../resources/object.ts';
import { forgetThrough, type HistoryEntry, type HistoryLimits, isOverLimit, knownRevision } from '../history.ts';
import { textOf } from '../json.ts';
import { hasLabels } from '../labels.ts';
import { applyWrite, type Change, type Write } from '../object-write.ts';
import type { Answer, Request } from './messages.ts';

type RequestOf<Op extends Request['op']> = Extract<Request, { op: Op }>;

/** What a transaction that fails must take back in memory. */
interface Position {
  revision: number;
  count: number;
  bytes: number;
}

export class ObjectDatabase {
  readonly #database: DatabaseSync;
  readonly #limits: HistoryLimits;
  readonly #sql: ReturnType<typeof prepare>;
  #position: Position;
  #forgotten: number;

  constructor(database: DatabaseSync, limits: HistoryLimits) {
    this.#database = database;
    this.#limits = limits;
    this.#sql = prepare(database);
    this.#forgotten = Number(this.#sql.forgotten.get()?.through);
    const { newest, count, bytes } = this.#sql.historySize.get() ?? {};
    this.#position = { revision: Number(newest ?? this.#forgotten), count: Number(count), bytes: Number(bytes) };
  }

  get revision(): number {
    return this.#position.revision;
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  /** Durable when it returns. When it throws nothing of it was kept. */
  transaction<T>(work: () => T): T {
    return this.#undoable('BEGIN', 'COMMIT', 'ROLLBACK', work);
  }

  /** A part of a transaction that may fail alone. */
  part<T>(work: () => T): T {
    return this.#undoable('SAVEPOINT part', 'RELEASE part', 'ROLLBACK TO part; RELEASE part', work);
  }

  answer(request: Request): Answer {
    switch (request.op) {
      case 'write':
        return this.part(() => this.#write(request));
      case 'get':
        return { type: 'object', json: this.#text(request.kind, request.name), change: undefined };
      case 'list':
        return { type: 'list', items: this.#list(request), revision: this.revision };
      case 'watch':
        return { type: 'events', events: this.#events(request), revision: this.revision };
    }
  }

  get hasTooMuchHistory(): boolean {
    return isOverLimit(this.#position, this.#limits);
  }

  /** Drops what is past the limits, in a transaction of its own. @param now RFC 3339 */
  forget(now: string): void {
    const entries = this.#sql.historyEntries.iterate() as Iterable<unknown> as Iterable<HistoryEntry>;
    const through = forgetThrough(entries, this.#position, this.#limits, Date.parse(now));
    if (through === undefined) return;
    this.transaction(() => {
      const dropped = this.#sql.sizeThrough.get(through);
      this.#sql.forget.run(through);
      this.#sql.setForgotten.run(through);
      this.#position.count -= Number(dropped?.count);
      this.#position.bytes -= Number(dropped?.bytes);
    });
    this.#forgotten = through;
  }

  close(): void {
    this.#database.close();
  }

  #write({ kind, name, write, now }: RequestOf<'write'>): Answer {
    const text = this.#text(kind, name);
    const current = text === undefined ? undefined : (JSON.parse(text) as StoredObject);
    const stamp = { revision: this.revision + 1, now, newUid: randomUUID };
    const change = applyWrite(JSON.parse(write) as Write, current, stamp);
    if (!change) return { type: 'object', json: text, change: undefined };
    return { type: 'object', json: this.#keep(change, kind, name, Date.parse(now)), change: change.type };
  }

  #keep(change: Change, kind: string, name: string, at: number): string {
    const json = textOf(change.object);
    const bytes = Buffer.byteLength(json);
    if (change.type === 'DELETED') this.#sql.deleteObject.run(kind, name);
    else this.#sql.putObject.run(kind, name, json);
    this.#sql.appendHistory.run(this.revision + 1, at, bytes, kind, change.type, json);
    this.#position.revision += 1;
    this.#position.count += 1;
    this.#position.bytes += bytes;
    return json;
  }

  #text(kind: string, name: string): string | undefined {
    const row = this.#sql.getObject.get(kind, name);
    return row === undefined ? undefined : String(row.json);
  }

  #list({ kind, labels, name }: RequestOf<'list'>): string[] {
    const texts =
      name === undefined ? this.#texts(kind) : [this.#text(kind, name)].filter((text) => text !== undefined);
    return labels === undefined ? texts : texts.filter((text) => hasLabels(JSON.parse(text) as StoredObject, labels));
  }

  #texts(kind: string): string[] {
    return this.#sql.listObjects.all(kind).map((row) => String(row.json));
  }

  #events({ kind, from }: RequestOf<'watch'>): Extract<Answer, { type: 'events' }>['events'] {
    if (from === undefined) return this.#texts(kind).map((json) => ({ type: 'ADDED', json }));
    const after = knownRevision(from, this.#forgotten, this.revision);
    return this.#sql.historyAfter
      .all(after, kind)
      .map((row) => ({ type: row.type as Change['type'], json: String(row.json) }));
  }

  #undoable<T>(begin: string, commit: string, undo: string, work: () => T): T {
    const before = { ...this.#position };
    this.#database.exec(begin);
    try {
      const result = work();
      this.#database.exec(commit);
      return result;
    } catch (error) {
      this.#position = before;
      // Some failures (a full disk among them) have SQLite roll the whole transaction back by itself.
      if (this.#database.isTransaction) this.#database.exec(undo);
      throw error;
    }
  }
}

function prepare(database: DatabaseSync) {
  const sql = (text: string): StatementSync => database.prepare(text);
  return {
    getObject: sql('SELECT json FROM object WHERE kind = ? AND name = ?'),
    listObjects: sql('SELECT json FROM object WHERE kind = ? ORDER BY name'),
    putObject: sql(
      'INSERT INTO object (kind, name, json) VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET json = excluded.json',
    ),
    deleteObject: sql('DELETE FROM object WHERE kind = ? AND name = ?'),
    appendHistory: sql('INSERT INTO history (revision, at, bytes, kind, type, json) VALUES (?, ?, ?, ?, ?, ?)'),
    historyAfter: sql('SELECT type, json FROM history WHERE revision > ? AND kind = ? ORDER BY revision'),
    historyEntries: sql('SELECT revision, at, bytes FROM history ORDER BY revision'),
    historySize: sql('SELECT max(revision) AS newest, count(*) AS count, total(bytes) AS bytes FROM history'),
    sizeThrough: sql('SELECT count(*) AS count, total(bytes) AS bytes FROM history WHERE revision <= ?'),
    forget: sql('DELETE FROM history WHERE revision <= ?'),
    forgotten: sql('SELECT through FROM forgotten'),
    setForgotten: sql('UPDATE forgotten SET through = ?'),
  };
}
