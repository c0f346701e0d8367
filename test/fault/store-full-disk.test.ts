// A full disk under the state: writes are refused and leave nothing, reads go on, and with space back all is well again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { StoreUnavailableError } from '../../src/store/errors.ts';
import { openSqliteStore, type SqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { type Logger, silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { thing } from '../support/things.ts';
import { story, WatchReader } from '../support/watch-reader.ts';

const timeout = 30_000;
const large = 'x'.repeat(300_000);

/** A file system of 4 MiB for this test; undefined (and the test skipped by name) where one may not be mounted. */
function smallFileSystem(context: TestContext): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'aileron-small-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=700', 'tmpfs', directory], { stdio: 'pipe' });
  } catch {
    rmdirSync(directory);
    context.skip('needs root');
    return undefined;
  }
  context.after(() => {
    execFileSync('umount', ['-l', directory], { stdio: 'pipe' });
    rmdirSync(directory);
  });
  return directory;
}

/** Takes all space but `left` bytes. */
function fill(directory: string, left: number): () => void {
  const name = join(directory, 'filler');
  const bavail = Number(execFileSync('df', ['--output=avail', '-B1', directory], { encoding: 'utf8' }).split('\n')[1]);
  writeFileSync(name, Buffer.alloc(Math.max(0, bavail - left)));
  return () => rmSync(name);
}

/** Closed after the test; closing a closed store does nothing. */
async function openIn(context: TestContext, directory: string, log: Logger = silentLogger): Promise<SqliteStore> {
  const store = await openSqliteStore({ path: join(directory, 'state.db'), clock: new FakeClock(), log });
  context.after(() => store.close());
  return store;
}

test('refuses writes on a full disk, keeps nothing of them, and takes them again with space back', {
  timeout,
}, async (context) => {
  const directory = smallFileSystem(context);
  if (!directory) return;
  const store = await openIn(context, directory);
  const { reader } = await WatchReader.open(store, 'Thing');
  const kept = await store.create(thing('kept'));
  const free = fill(directory, 0);

  await assert.rejects(store.create(thing('lost', { spec: large })), (error) => {
    assert.ok(error instanceof StoreUnavailableError);
    assert.match(error.message, /full|disk I\/O/);
    return true;
  });
  await assert.rejects(store.patch('Thing', 'kept', { spec: large }), StoreUnavailableError);
  assert.deepEqual((await store.list('Thing')).items, [kept]);

  free();
  const next = await store.create(thing('next', { spec: large }));
  assert.equal(Number(next.metadata.resourceVersion), Number(kept.metadata.resourceVersion) + 1);
  assert.deepEqual(story(await reader.take(2)), ['ADDED kept', 'ADDED next']);
  await store.close();

  const again = await openIn(context, directory);
  assert.equal(again.setAside, undefined);
  assert.deepEqual((await again.list('Thing')).items, [kept, next]);
  await again.close();
});

test('keeps the small writes that fit beside a large one that does not', { timeout }, async (context) => {
  const directory = smallFileSystem(context);
  if (!directory) return;
  const store = await openIn(context, directory);
  fill(directory, 400_000);
  const inputs = Array.from({ length: 21 }, (_, n) => (n === 10 ? thing('large', { spec: large }) : thing(`n${n}`)));
  const results = await Promise.allSettled(inputs.map((input) => store.create(input)));
  const refused = results.flatMap((result, index) => (result.status === 'rejected' ? [index] : []));
  assert.deepEqual(refused, [10]);
  await store.close();
});

test('starts on a full disk with the state that is there', { timeout }, async (context) => {
  const directory = smallFileSystem(context);
  if (!directory) return;
  const store = await openIn(context, directory);
  const kept = await store.create(thing('kept'));
  await store.close();
  const free = fill(directory, 0);
  const log = recordedLog();
  const again = await openIn(context, directory, log);
  assert.equal(again.setAside, undefined);
  assert.deepEqual((await again.list('Thing')).items, [kept]);
  assert.equal(log.find({ level: 'warn' }).length, 1, 'the pid file could not be written');
  await assert.rejects(again.create(thing('lost', { spec: large })), StoreUnavailableError);
  free();
  await again.create(thing('next'));
  await again.close();
});

test('says what is wrong when there is no space for a first start, and starts once there is', {
  timeout,
}, async (context) => {
  const directory = smallFileSystem(context);
  if (!directory) return;
  const free = fill(directory, 0);
  await assert.rejects(openIn(context, directory), (error) => {
    assert.ok(error instanceof StoreUnavailableError);
    assert.match(error.message, /cannot open the state at .*space left/);
    return true;
  });
  free();
  const store = await openIn(context, directory);
  await store.create(thing('a'));
  assert.equal(store.setAside, undefined);
  await store.close();
});
