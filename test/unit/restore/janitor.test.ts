// What a restore that no object speaks of left beside the files of a server: rubbish goes, and what may be the only copy of
// somebody's world stays until a person has looked at it.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { sweepStaging } from '../../../controllers/restore/janitor.ts';
import { runJob } from '../../../src/archive/run-job.ts';
import type { ArchiveRunner } from '../../../src/archive/runner.ts';
import { systemClock } from '../../../src/clock/clock.ts';
import { createRestoreMetrics } from '../../../src/telemetry/restore-metrics.ts';
import { createVolumes } from '../../../src/volumes/volumes.ts';
import { anyUuid } from '../../support/builders.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { recordedLog } from '../../support/recorded-log.ts';
import { archiveJob } from '../../support/restore-bench.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const operation = '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed';

class Bench {
  readonly log = recordedLog();
  readonly store = new MemoryStore({ clock: systemClock });
  readonly staging: string;
  readonly #registry = new Registry();
  readonly #volumes;

  constructor(t: TestContext) {
    const dataDirectory = temporaryDirectory(t);
    const machineIdDirectory = join(dataDirectory, 'machine-id');
    this.#volumes = createVolumes({ dataDirectory, machineIdDirectory, uid: 0, gid: 0 });
    t.after(() => this.#volumes.close());
    this.staging = this.#volumes.staging(anyUuid, operation);
  }

  put(path: string): string {
    const whole = join(this.staging, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, 'all there is');
    return whole;
  }

  async sweep(run: ArchiveRunner['run'] = (plan, { signal }) => runJob(plan, archiveJob({ signal }))): Promise<void> {
    const { store, log } = this;
    const metrics = createRestoreMetrics(this.#registry, () => ({ running: 0, queued: 0 }));
    const deps = { store, log, metrics, volumes: this.#volumes, runner: { run } };
    await sweepStaging(deps, new AbortController().signal);
  }

  async counted(): Promise<string | undefined> {
    return /aileron_restore_files_without_object (\d)/.exec(await this.#registry.metrics())?.[1];
  }
}

for (const [what, path] of [
  ['files that were moved away', 'old/world/level.dat'],
  ['a list of what was moved', 'moves'],
  ['a list of what was moved back', 'moves.undone'],
] as const) {
  test(`${what} are kept when no restore speaks of them, and an error says so`, async (t) => {
    const bench = new Bench(t);
    const file = bench.put(path);
    bench.put('new/world/level.dat');
    await bench.sweep();
    assert.equal(readFileSync(file, 'utf8'), 'all there is');
    assert.ok(existsSync(join(bench.staging, 'new/world/level.dat')));
    const [error] = bench.log.find({ level: 'error' });
    assert.deepEqual([error?.fields['server'], error?.fields['operation']], [anyUuid, operation]);
    assert.equal(await bench.counted(), '1');
  });
}

test('what was only unpacked goes', async (t) => {
  const bench = new Bench(t);
  bench.put('new/world/level.dat');
  bench.put('moves.unfinished');
  mkdirSync(join(bench.staging, 'old'));
  await bench.sweep();
  assert.equal(existsSync(dirname(bench.staging)), false);
  assert.deepEqual(bench.log.find({ level: 'error' }), []);
  assert.equal(await bench.counted(), '0');
});

test('what cannot be removed is told, and does not keep the rest from going', async (t) => {
  const bench = new Bench(t);
  bench.put('new/world/level.dat');
  const other = join(dirname(bench.staging), operation.replaceAll('1', '2'));
  mkdirSync(other);
  await bench.sweep(async (plan, { signal }) => {
    if ('staging' in plan && plan.staging === bench.staging) throw new Error('the disk does not answer');
    return runJob(plan, archiveJob({ signal }));
  });
  assert.deepEqual([existsSync(bench.staging), existsSync(other)], [true, false]);
  assert.equal(bench.log.find({ level: 'warn' }).length, 1);
});
