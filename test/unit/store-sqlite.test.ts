// What is special to the store on SQLite: it outlives its process, locks its state, and never touches what is not its own.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { ExpiredError, StoreLockedError, StoreUnavailableError, StoreVersionError } from '../../src/store/errors.ts';
import { openSqliteStore, SqliteStore, startStoreWorker } from '../../src/store/sqlite/sqlite-store.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { thing } from '../support/things.ts';
import { story, WatchReader } from '../support/watch-reader.ts';

const timeout = 20_000;

function setUp(context: TestContext) {
  const directory = temporaryDirectory(context);
  const clock = new FakeClock();
  const path = join(directory, 'state', 'state.db');
  return { directory, clock, path, options: { path, clock, log: silentLogger } };
}

/** Closed after the test; closing a closed store does nothing. */
async function open(context: TestContext, options: Parameters<typeof openSqliteStore>[0]): Promise<SqliteStore> {
  const store = await openSqliteStore(options);
  context.after(() => store.close());
  return store;
}

/** For what should be refused: leaves nothing open if it is not. */
async function openAndClose(options: Parameters<typeof openSqliteStore>[0]): Promise<void> {
  await (await openSqliteStore(options)).close();
}

test('keeps objects, history and the order of revisions over a restart', { timeout }, async (context) => {
  const { options } = setUp(context);
  const first = await open(context, options);
  const a = await first.create(thing('a'));
  const b = await first.create(thing('b', { metadata: { finalizers: ['x/y'] } }));
  const marked = await first.delete('Thing', 'b');
  await first.close();

  const second = await open(context, options);
  assert.equal(second.setAside, undefined);
  assert.deepEqual((await second.list('Thing')).items, [a, marked]);
  const { reader, snapshot } = await WatchReader.open(second, 'Thing', a.metadata.resourceVersion);
  assert.deepEqual(
    snapshot.map(({ object }) => object),
    [b, marked],
  );
  const next = await second.update(thing('a', { spec: 2 }));
  assert.ok(Number(next.metadata.resourceVersion) > Number(marked.metadata.resourceVersion));
  assert.deepEqual(story(await reader.take(1)), ['MODIFIED a']);
});

test('goes on counting when all history is forgotten and the clock was set back', { timeout }, async (context) => {
  const { options, clock } = setUp(context);
  const historyLimits = { count: 1, bytes: 1, ageMs: 1 };
  const first = await open(context, { ...options, historyLimits });
  const last = await first.create(thing('a'));
  await first.close();
  clock.jumpWall(-10 * 365 * 86_400_000);
  const second = await open(context, { ...options, historyLimits });
  const next = await second.update(thing('a', { spec: 2 }));
  assert.ok(Number(next.metadata.resourceVersion) > Number(last.metadata.resourceVersion));
  assert.equal(next.metadata.creationTimestamp, last.metadata.creationTimestamp);
  await assert.rejects(WatchReader.open(second, 'Thing', last.metadata.resourceVersion), ExpiredError);
});

test('refuses a second opener and names the first', { timeout }, async (context) => {
  const { options, path } = setUp(context);
  const holder = await open(context, options);
  await assert.rejects(openAndClose(options), (error) => {
    assert.ok(error instanceof StoreLockedError);
    assert.ok(error.message.includes(`process ${process.pid}`), error.message);
    assert.ok(error.message.includes(path), error.message);
    return true;
  });
  await holder.create(thing('a'));
  await holder.close();
  const next = await open(context, options);
  assert.equal((await next.list('Thing')).items.length, 1);
});

test('makes its directory 0700 and its files 0600 (covers: SEC-113)', { timeout }, async (context) => {
  const { options, path } = setUp(context);
  const store = await open(context, options);
  await store.create(thing('a'));
  const directory = join(path, '..');
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  const files = readdirSync(directory).sort();
  assert.deepEqual(files, ['state.db', 'state.db-wal', 'state.db.lock', 'state.db.pid']);
  for (const file of files) assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file);
  await store.close();
  assert.deepEqual(readdirSync(directory).sort(), ['state.db', 'state.db.lock']);
});

test('leaves the database of a newer version as it is', { timeout }, async (context) => {
  const { options, path } = setUp(context);
  await (await open(context, options)).close();
  const raw = new DatabaseSync(path);
  raw.exec('PRAGMA user_version = 99');
  raw.close();
  await assertRefusedUntouched(options, /format 99.*newer version/);
});

test('leaves the database of another program as it is', { timeout }, async (context) => {
  const { options, directory } = setUp(context);
  const path = join(directory, 'other.db');
  const raw = new DatabaseSync(path);
  raw.exec('CREATE TABLE bookmarks (url TEXT)');
  raw.close();
  await assertRefusedUntouched({ ...options, path }, /another program/);
});

async function assertRefusedUntouched(options: Parameters<typeof openSqliteStore>[0], words: RegExp): Promise<void> {
  const before = readFileSync(options.path);
  await assert.rejects(openAndClose(options), (error) => {
    assert.ok(error instanceof StoreVersionError);
    assert.match(error.message, words);
    return true;
  });
  assert.deepEqual(readFileSync(options.path), before);
  const names = readdirSync(join(options.path, '..'));
  assert.deepEqual(
    names.filter((name) => name.includes('set-aside')),
    [],
  );
}

test('sets a damaged file aside, says its new name, and starts empty', { timeout }, async (context) => {
  const { options, path, clock } = setUp(context);
  const old = await open(context, options);
  const { resourceVersion } = (await old.create(thing('a'))).metadata;
  await old.close();
  await clock.advance(1_000);
  writeFileSync(path, 'not a database, and something somebody may want to look at');
  const log = recordedLog();
  const store = await open(context, { ...options, log });
  assert.equal(store.setAside, `${path}.set-aside-20260101T000001Z`);
  assert.equal(readFileSync(store.setAside, 'utf8'), 'not a database, and something somebody may want to look at');
  assert.equal(log.find({ level: 'error' })[0]?.fields['setAside'], store.setAside);
  assert.deepEqual((await store.list('Thing')).items, []);
  await store.create(thing('b'));
  await assert.rejects(WatchReader.open(store, 'Thing', resourceVersion), ExpiredError);
  await store.close();

  writeFileSync(path, 'damaged again within the same second');
  const again = await open(context, options);
  assert.equal(again.setAside, `${path}.set-aside-20260101T000001Z-2`);
});

test('finds a damaged object that the pages of the file do not show', { timeout }, async (context) => {
  const { options, path } = setUp(context);
  const old = await open(context, options);
  await old.create(thing('a', { spec: 'wanted' }));
  await old.close();
  const bytes = readFileSync(path);
  for (let at = bytes.indexOf('"spec"'); at >= 0; at = bytes.indexOf('"spec"', at + 1)) bytes.write('!', at);
  writeFileSync(path, bytes);
  const store = await open(context, options);
  assert.ok(store.setAside);
  assert.deepEqual(readFileSync(store.setAside), bytes);
});

test('says in one sentence what cannot be opened', { timeout }, async (context) => {
  const { options, directory } = setUp(context);
  writeFileSync(join(directory, 'file'), '');
  mkdirSync(join(directory, 'folder'));
  for (const path of [join(directory, 'folder'), join(directory, 'file', 'state.db')]) {
    await assert.rejects(openAndClose({ ...options, path }), (error) => {
      assert.ok(error instanceof StoreUnavailableError);
      assert.ok(error.message.startsWith(`cannot open the state at ${path}: `), error.message);
      return true;
    });
  }
});

test('tells everybody when its worker dies, and takes no more', { timeout }, async (context) => {
  const { options } = setUp(context);
  const log = recordedLog();
  const worker = startStoreWorker(options);
  const store = await SqliteStore.connect(worker, { ...options, log });
  const { reader } = await WatchReader.open(store, 'Thing');
  const waiting = reader.next();
  const write = store.create(thing('a'));
  const settled = Promise.allSettled([waiting, write]);
  await worker.terminate();
  const [watched, written] = await settled;
  // The write may have been kept, and told, just before; nothing ever hangs.
  if (watched.status === 'fulfilled') await assert.rejects(reader.next(), StoreUnavailableError);
  else assert.ok(watched.reason instanceof StoreUnavailableError);
  assert.ok(written.status === 'fulfilled' || written.reason instanceof StoreUnavailableError);
  assert.ok((await store.failed) instanceof StoreUnavailableError);
  assert.equal(log.find({ level: 'error', message: 'the store has failed' }).length, 1);
  await assert.rejects(store.get('Thing', 'a'), StoreUnavailableError);
  await assert.rejects(WatchReader.open(store, 'Thing'), StoreUnavailableError);
  await store.close();

  const next = await open(context, options);
  await next.list('Thing');
});

test('refuses more requests than may wait', { timeout }, async (context) => {
  const { options } = setUp(context);
  const store = await open(context, options);
  const reads = Array.from({ length: 10_001 }, () => store.get('Thing', 'a'));
  const results = await Promise.allSettled(reads);
  const refused = results.filter(({ status }) => status === 'rejected');
  assert.equal(refused.length, 1);
  assert.ok(results.at(-1)?.status === 'rejected');
  await store.create(thing('a'));
});
