// Threads for server directories come when there is work, go when there is none, and no task is lost in between.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TreeThreads } from '../../src/volumes/tree-threads.ts';
import { temporaryDirectory } from '../support/node-config.ts';
import { until } from '../support/until.ts';

const options = { timeout: 30_000 };

test('a thread without work leaves, and the next task finds another', options, async (t) => {
  const { threads, count } = counting(t, { limit: 2, idleMs: 1 });
  assert.deepEqual(await Promise.all([count(), count(), count()]), [5, 5, 5]);
  await until('the threads have left', 10_000, async () => threads.size === 0);
  assert.equal(await count(), 5);
});

test('a task that comes while threads leave is done all the same', options, async (t) => {
  const { count } = counting(t, { limit: 1, idleMs: 0 });
  for (let round = 0; round < 15; round++) {
    assert.equal(await count(), 5);
    // Each round at another moment of the thread's end.
    for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
});

test('a thread with work to come is kept', options, async (t) => {
  const { threads, count } = counting(t, { limit: 2, idleMs: 60_000 });
  for (let round = 0; round < 3; round++) assert.equal(await count(), 5);
  assert.equal(threads.size, 1);
});

function counting(t: TestContext, options: { limit: number; idleMs: number }) {
  const parent = temporaryDirectory(t);
  mkdirSync(join(parent, 'game'));
  writeFileSync(join(parent, 'game', 'world'), '12345');
  const threads = new TreeThreads(options);
  t.after(() => threads.close());
  const count = async () => {
    const reply = await threads.run({ kind: 'count', parent, name: 'game' });
    return reply.kind === 'counted' ? reply.bytes : undefined;
  };
  return { threads, count };
}
