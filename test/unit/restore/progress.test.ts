// What those who watch a restore see of it, from counters that the data plane would give.
import assert from 'node:assert/strict';
import test from 'node:test';
import { RestoreBench, restored } from '../../support/restore-controller-bench.ts';

test('a staged restore counts its one pass over the archive, and the rest does not move it (backups 15.15)', async (t) => {
  const bench = new RestoreBench(t);
  bench.held.add('stage');
  await bench.prepare();
  await bench.start();
  await bench.add();
  const stage = await bench.job('stage');
  for (const done of [0, 250, 500, 1000]) {
    stage.progress(done, 1000);
    await bench.clock.advance(250);
  }
  stage.succeed(restored);
  await bench.untilOver('Completed');
  assert.deepEqual(bench.story(), [
    ...['queued 0', 'extract 0', 'extract 25', 'extract 50', 'extract 99'],
    ...['stopping 99', 'finalize 99', 'finalize 100', 'completion true'],
  ]);
  const last = bench.messages.at(-2);
  assert.ok(last && 'bytesWritten' in last && last.bytesWritten === 1000 && last.bytesTotal === 1000);
});

test('in place two passes are one whole (backups 15.15)', async (t) => {
  const bench = new RestoreBench(t);
  bench.held = new Set(['verify', 'in-place']);
  await bench.prepare();
  await bench.start();
  await bench.add({ strategy: 'InPlace' });
  const verify = await bench.job('verify');
  verify.progress(500, 1000);
  await bench.clock.advance(250);
  verify.progress(1000, 1000);
  verify.succeed();
  const unpack = await bench.job('in-place');
  unpack.progress(500, 1000);
  await bench.clock.advance(250);
  unpack.succeed(restored);
  await bench.untilOver('Completed');
  assert.deepEqual(
    bench.story().filter((one) => !one.endsWith(' 0')),
    ['extract 25', 'stopping 50', 'extract 50', 'extract 75', 'finalize 75', 'finalize 100', 'completion true'],
  );
});

test('at most four files a second are named, and the store hears every two seconds', async (t) => {
  const bench = new RestoreBench(t);
  bench.held.add('stage');
  await bench.prepare();
  await bench.start();
  await bench.add();
  const stage = await bench.job('stage');
  const writes = new Set<string>();
  for (let tick = 0; tick < 100; tick += 1) {
    stage.progress(tick, 1000, { current: `file-${tick}` });
    await bench.clock.advance(100);
    const { metadata } = (await bench.restore()) ?? {};
    writes.add(metadata?.resourceVersion ?? '');
  }
  assert.ok(bench.paths.length > 30 && bench.paths.length <= 41, `${bench.paths.length} in 10 s`);
  assert.ok(writes.size >= 4 && writes.size <= 6, `${writes.size} writes in 10 s`);
  stage.progress(100, 1000, { current: 'file-99' });
  const before = bench.paths.length;
  await bench.clock.advance(1_000);
  stage.progress(100, 1000, { current: bench.paths.at(-1) ?? '' });
  assert.equal(bench.paths.length, before);
});

test('moving files says nothing about bytes (backups 15.15)', async (t) => {
  const bench = new RestoreBench(t);
  bench.held.add('move-old');
  await bench.prepare();
  await bench.start();
  await bench.add();
  const move = await bench.job('move-old');
  move.progress(1, 2, { current: 'x' });
  await bench.pass(1_000);
  assert.deepEqual(bench.paths, []);
  assert.equal(bench.story().at(-1), 'finalize 0');
  move.succeed();
  await bench.untilOver('Completed');
});
