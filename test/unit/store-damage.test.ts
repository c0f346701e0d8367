// A state file cut short anywhere never keeps the daemon from starting, and is never lost.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { thing } from '../support/things.ts';

const objects = 40;
const timeout = 120_000;

/** A store as a kill leaves it: `state.db` and, unless it was closed, its log. */
async function leaveState(context: TestContext, { closed }: { closed: boolean }): Promise<string> {
  const directory = temporaryDirectory(context);
  const path = join(directory, 'state.db');
  const store = await openSqliteStore({ path, clock: new FakeClock(), log: silentLogger });
  context.after(() => store.close());
  for (let n = 0; n < objects; n += 1) await store.create(thing(name(n), { spec: 'x'.repeat(500) }));
  const copy = join(directory, 'left.db');
  if (!closed) {
    copyFileSync(path, copy);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
  }
  await store.close();
  if (closed) copyFileSync(path, copy);
  return copy;
}

function name(n: number): string {
  return `n${String(n).padStart(3, '0')}`;
}

/** Opens a copy, checks that it takes a write, and tells what was found in it. */
async function boot(path: string): Promise<{ names: string[]; setAside: string | undefined }> {
  const store = await openSqliteStore({ path, clock: new FakeClock(), log: silentLogger });
  try {
    const names = (await store.list('Thing')).items.map(({ metadata }) => metadata.name);
    await store.create(thing('after'));
    return { names, setAside: store.setAside };
  } finally {
    await store.close();
  }
}

function sampled(size: number): number[] {
  const edges = [0, 1, 16, 99, 100, 101, 4095, 4096, 4097, 8192, size - 4096, size - 1];
  const spread = Array.from({ length: 14 }, (_, n) => Math.floor(((n + 0.5) / 14) * size));
  return [...new Set([...edges, ...spread])].filter((at) => at >= 0 && at < size);
}

test('starts after a cut of the database at any byte, and keeps the remains (covers: SEC-119)', {
  timeout,
}, async (context) => {
  const left = await leaveState(context, { closed: true });
  for (const size of sampled(statSync(left).size)) {
    const path = join(temporaryDirectory(context), 'state.db');
    copyFileSync(left, path);
    truncateSync(path, size);
    const remains = readFileSync(path);
    const { names, setAside } = await boot(path);
    assert.deepEqual(names, [], `cut at ${size}`);
    // An empty file holds nothing to keep; one byte counts as empty.
    if (size > 1) assert.deepEqual(readFileSync(setAside ?? ''), remains, `cut at ${size}`);
  }
});

test('starts after a cut of the log at any byte, with what was written up to there', { timeout }, async (context) => {
  const left = await leaveState(context, { closed: false });
  const all = Array.from({ length: objects }, (_, n) => name(n));
  let most = 0;
  for (const size of sampled(statSync(`${left}-wal`).size).sort((one, other) => one - other)) {
    const path = join(temporaryDirectory(context), 'state.db');
    copyFileSync(left, path);
    copyFileSync(`${left}-wal`, `${path}-wal`);
    truncateSync(`${path}-wal`, size);
    const { names, setAside } = await boot(path);
    assert.equal(setAside, undefined);
    assert.deepEqual(names, all.slice(0, names.length), `cut at ${size}`);
    assert.ok(names.length >= most, `cut at ${size}`);
    most = names.length;
  }
  assert.ok(most > 0);
});

test('keeps the log with a database that was emptied under it', { timeout }, async (context) => {
  const left = await leaveState(context, { closed: false });
  const log = readFileSync(`${left}-wal`);
  truncateSync(left, 0);
  const { names, setAside } = await boot(left);
  assert.deepEqual(names, []);
  assert.deepEqual(readFileSync(`${setAside}-wal`), log);
});
