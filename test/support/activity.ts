// Activity for tests: records, and a journal whose database is in this thread, so that time can be turned.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { type Activity, isSftp } from '../../src/activity/activity.ts';
import type { Row } from '../../src/activity/entries.ts';
import { type Journal, type Lane, mostBytes, mostRows } from '../../src/activity/journal.ts';
import { JournalDatabase } from '../../src/activity/journal-database.ts';
import { anyUuid } from './builders.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export const anActor = '9f6f2c8e-4c1b-4b0e-9d6e-1f2a3b4c5d6e';
export const anotherActor = '7d0e2f3a-1b4c-4d5e-8f6a-9b0c1d2e3f40';

export function anActivity(parts: Partial<Activity> = {}): Activity {
  return {
    user: anActor,
    server: anyUuid,
    event: 'server:power.start',
    metadata: {},
    ip: '203.0.113.7',
    timestamp: '2026-01-01T00:00:00.000Z',
    ...parts,
  };
}

export function aTransfer(file: unknown, parts: Partial<Activity> = {}): Activity {
  return anActivity({ event: 'server:sftp.delete', metadata: { files: [file] }, ...parts });
}

export class SameThreadJournal implements Journal {
  readonly database: JournalDatabase;
  /** Thrown by the next removals. */
  removalError: Error | undefined;
  #waiting: Record<Lane, number>;

  constructor(t: TestContext, options: { directory?: string; mostRows?: number } = {}) {
    const path = join(options.directory ?? temporaryDirectory(t), 'activity.db');
    this.database = JournalDatabase.open({ path, wingsPath: '', mostRows: options.mostRows ?? mostRows, mostBytes });
    this.#waiting = this.database.takeNews().waiting;
    t.after(() => this.database.close());
  }

  get waiting(): Readonly<Record<Lane, number>> {
    return this.#waiting;
  }

  add(...activities: Activity[]): void {
    const rows = activities.map((activity) => ({
      lane: isSftp(activity.event) ? ('sftp' as const) : ('plain' as const),
      at: Date.parse(activity.timestamp),
      json: JSON.stringify(activity),
    }));
    this.database.add(rows, Date.parse('2026-01-01T00:00:00Z'));
    this.#look();
  }

  async page(lane: Lane, after: number, limit: number): Promise<Row[]> {
    const rows = this.database.page(lane, after, limit);
    return rows.map(({ id, json }) => ({ id, activity: JSON.parse(json) as Activity }));
  }

  async remove(ids: readonly number[]): Promise<void> {
    if (this.removalError) throw this.removalError;
    this.database.remove(ids);
    this.#look();
  }

  #look(): void {
    this.#waiting = this.database.takeNews().waiting;
  }
}

/** A database as Wings leaves it behind. */
export function aWingsDatabase(path: string, rows: readonly Record<string, string | null>[]): void {
  const database = new DatabaseSync(path);
  database.exec(
    'CREATE TABLE IF NOT EXISTS `activities` (`id` integer NOT NULL PRIMARY KEY AUTOINCREMENT, `user` uuid, ' +
      '`server` uuid NOT NULL, `event` text NOT NULL, `metadata` text, `ip` text NOT NULL, `timestamp` datetime NOT NULL)',
  );
  const insert = database.prepare(
    'INSERT INTO activities (user, server, event, metadata, ip, timestamp) VALUES (?, ?, ?, ?, ?, ?)',
  );
  for (const { user = anActor, server = anyUuid, event = '', metadata = '{}', ip = '', timestamp = '' } of rows) {
    insert.run(user, server, event, metadata, ip, timestamp);
  }
  database.close();
}
