// Group commit: requests share a transaction without sharing each other's failures.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { defaultHistoryLimits } from '../../src/store/history.ts';
import { runBatch } from '../../src/store/sqlite/batch.ts';
import type { Outcome, Request } from '../../src/store/sqlite/messages.ts';
import { migrate } from '../../src/store/sqlite/migrations.ts';
import { ObjectDatabase } from '../../src/store/sqlite/object-database.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { thing } from '../support/things.ts';

const now = '2026-01-01T00:00:00Z';

function setUp(context: TestContext) {
  const raw = new DatabaseSync(join(temporaryDirectory(context), 'state.db'));
  raw.exec('PRAGMA journal_mode = WAL');
  migrate(raw, 1_000);
  context.after(() => raw.close());
  return { raw, objects: new ObjectDatabase(raw, defaultHistoryLimits) };
}

function creation(id: number, name: string, spec: unknown = 1): Request {
  return {
    op: 'write',
    id,
    kind: 'Thing',
    name,
    now,
    write: JSON.stringify({ op: 'create', object: thing(name, { spec }) }),
  };
}

function codes(outcomes: Outcome[]): string[] {
  return outcomes.map((outcome) => ('error' in outcome ? outcome.error.code : 'ok'));
}

function names(raw: DatabaseSync): unknown[] {
  return raw
    .prepare('SELECT name FROM object ORDER BY name')
    .all()
    .map((row) => row['name']);
}

test('answers each request of a batch in order, a refused one without harm to the others', (context) => {
  const { raw, objects } = setUp(context);
  const read: Request = { op: 'get', id: 4, kind: 'Thing', name: 'a' };
  const outcomes = runBatch(objects, [creation(1, 'a'), creation(2, 'a'), creation(3, 'b'), read]);
  assert.deepEqual(codes(outcomes), ['ok', 'AlreadyExists', 'ok', 'ok']);
  assert.deepEqual(
    outcomes.map(({ id }) => id),
    [1, 2, 3, 4],
  );
  assert.deepEqual(names(raw), ['a', 'b']);
  assert.equal(objects.revision, 1_002);
  assert.deepEqual(
    raw
      .prepare('SELECT revision FROM history')
      .all()
      .map((row) => row['revision']),
    [1_001, 1_002],
  );
});

test('keeps what fits when the disk is full, and counts on from there', (context) => {
  const { raw, objects } = setUp(context);
  raw.exec('PRAGMA max_page_count = 40');
  const huge = 'x'.repeat(500_000);
  const outcomes = runBatch(objects, [creation(1, 'a'), creation(2, 'huge', huge), creation(3, 'b')]);
  assert.deepEqual(codes(outcomes), ['ok', 'Full', 'ok']);
  assert.deepEqual(names(raw), ['a', 'b']);
  assert.equal(objects.revision, 1_002);
  raw.exec('PRAGMA max_page_count = 4000');
  assert.deepEqual(codes(runBatch(objects, [creation(4, 'huge', huge)])), ['ok']);
  assert.equal(objects.revision, 1_003);
});

test('keeps nothing of a batch whose commit fails, and tries each request alone', (context) => {
  const { raw, objects } = setUp(context);
  // A deferred constraint is found broken by COMMIT and not before: the one way to have it fail without a broken disk.
  raw.exec(`
    CREATE TABLE parent (id INTEGER PRIMARY KEY);
    CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER bad AFTER INSERT ON object WHEN new.name = 'bad' BEGIN INSERT INTO child VALUES (1); END;
  `);
  const outcomes = runBatch(objects, [creation(1, 'a'), creation(2, 'bad'), creation(3, 'b')]);
  assert.deepEqual(codes(outcomes), ['ok', 'Unavailable', 'ok']);
  assert.deepEqual(names(raw), ['a', 'b']);
  assert.equal(objects.revision, 1_002);
});
