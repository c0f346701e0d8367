// When the manifest directory is looked at: at the start, soon after somebody changed a file or an object, now and then
// without being told, and later each time when it fails.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { declarationOf } from '../../src/manifests/declaration.ts';
import { parseManifest } from '../../src/manifests/documents.ts';
import type { DirectoryScan, ScannedFile } from '../../src/manifests/manifest-reader.ts';
import { createManifestSource } from '../../src/manifests/manifest-source.ts';
import type { Server } from '../../src/resources/server.ts';
import { Informer } from '../../src/runtime/informer.ts';
import { StoreUnavailableError } from '../../src/store/errors.ts';
import { AdmissionBench, writeContext } from '../support/an-admission.ts';
import { settle } from '../support/fake-clock.ts';
import { manifest } from '../support/manifest-bench.ts';
import { metricValue } from '../support/metric-value.ts';
import { recordedLog } from '../support/recorded-log.ts';

class SourceBench extends AdmissionBench {
  scan: DirectoryScan = {
    files: [fileOf('demo.yaml', manifest({ spec: 'limits: { memory: 64 }' }))],
    complete: true,
    identity: '1:1',
  };
  scans = 0;
  reopened = 0;
  failure: Error | undefined;
  hold: Promise<void> | undefined;
  readonly log = recordedLog();
  readonly registry = new Registry();
  readonly servers = new Informer<Server>({ store: this.store, kind: 'Server', clock: this.clock, log: recordedLog() });
  readonly source = createManifestSource({
    ...{ directory: '/manifests', nodeName: 'node-1', registry: this.registry },
    ...{
      store: this.store,
      admission: this.admission,
      caches: [this.servers as Informer],
      clock: this.clock,
      log: this.log,
    },
    events: { event: () => {} },
    reader: {
      scan: async () => {
        this.scans += 1;
        await this.hold;
        if (this.failure) throw this.failure;
        return this.scan;
      },
    },
    watcher: {
      start: () => {},
      reopen: () => {
        this.reopened += 1;
      },
      stop: async () => {},
    },
  });

  constructor(context: TestContext) {
    super();
    this.servers.start();
    context.after(() => this.servers.stop());
    context.after(() => this.source.stop());
  }
}

function fileOf(name: string, text: string): ScannedFile {
  const file: ScannedFile = { name, version: text, declarations: [], foreign: [], mistakes: [] };
  for (const parsed of parseManifest(text)) {
    if ('mistake' in parsed) file.mistakes.push(parsed.mistake);
    else file.declarations.push(declarationOf(name, parsed.document) as ScannedFile['declarations'][number]);
  }
  return file;
}

test('a start has looked once, and looks again every 30 s', async (context) => {
  const bench = new SourceBench(context);
  await bench.source.start();
  assert.equal(bench.scans, 1);
  await bench.read('demo');
  await bench.clock.advance(29_999);
  assert.equal(bench.scans, 1);
  await bench.clock.advance(1);
  assert.equal(bench.scans, 2);
  await bench.clock.advance(30_000);
  assert.equal(bench.scans, 3);
});

test('a start does not wait for a look that takes long', async (context) => {
  const bench = new SourceBench(context);
  const held = Promise.withResolvers<void>();
  bench.hold = held.promise;
  let started = false;
  const start = bench.source.start().then(() => {
    started = true;
  });
  await bench.clock.advance(4_999);
  assert.equal(started, false);
  await bench.clock.advance(1);
  await start;
  held.resolve();
});

test('what somebody changes of a declared object is put back in a moment; power and status wake nobody', async (context) => {
  const bench = new SourceBench(context);
  await bench.source.start();
  await bench.clock.advance(1_000);
  const { scans } = bench;
  await bench.patch('demo', { spec: { power: { desired: 'Running' } } });
  await bench.store.updateStatus({ ...(await bench.read('demo')), status: { state: 'running' } });
  await bench.clock.advance(1_000);
  assert.equal(bench.scans, scans);
  await bench.patch('demo', { spec: { limits: { memory: 1 } } });
  await bench.clock.advance(200);
  assert.equal((await bench.read('demo')).spec.limits.memory, 64);
  await bench.store.patch('Server', 'demo', { metadata: { finalizers: null } });
  await bench.admission.delete('Server', 'demo', {}, writeContext());
  await bench.clock.advance(1_200);
  assert.equal((await bench.read('demo')).spec.limits.memory, 64);
});

test('a look that was not complete is repeated soon, and a start waits for a complete one', async (context) => {
  const bench = new SourceBench(context);
  bench.scan = { ...bench.scan, complete: false };
  const start = bench.source.start();
  await bench.clock.advance(600);
  assert.equal(bench.scans, 4);
  bench.scan = { ...bench.scan, complete: true };
  await bench.clock.advance(200);
  await start;
  assert.equal(bench.scans, 5);
});

test('a store that fails is asked again, later each time, and the manifests are followed then', async (context) => {
  const bench = new SourceBench(context);
  bench.failure = new StoreUnavailableError('disk full');
  await bench.source.start();
  await bench.clock.advance(60_000);
  const failed = bench.log.find({ message: 'the manifests could not be followed' });
  assert.ok(failed.length >= 5 && failed.length <= 12, `${failed.length} times`);
  bench.failure = undefined;
  await bench.clock.advance(30_000);
  await bench.read('demo');
});

test('problems and gauges say what the last look found', async (context) => {
  const bench = new SourceBench(context);
  const wrong = fileOf('wrong.yaml', manifest({ name: 'x', spec: 'limits: { memory: -1 }' }));
  bench.scan = { files: [...bench.scan.files, wrong, fileOf('broken.yaml', 'a: [')], complete: true };
  const value = (result: string) => metricValue(bench.registry, 'aileron_manifest_documents', { result });
  assert.equal(await value('failed'), 0);
  await bench.source.start();
  assert.deepEqual(
    bench.source.problems().map(({ file, line }) => [file, line]),
    [
      ['wrong.yaml', 8],
      ['broken.yaml', 1],
    ],
  );
  assert.match(bench.source.summary() ?? '', /^2 problems, the first: wrong\.yaml:8: spec\.limits\.memory: /);
  assert.deepEqual([await value('applied'), await value('failed'), await value('skipped')], [1, 2, 0]);
  bench.scan = { files: bench.scan.files.slice(0, 1), complete: true };
  await bench.clock.advance(30_000);
  assert.deepEqual(bench.source.problems(), []);
  assert.equal(bench.source.summary(), undefined);
  assert.deepEqual([await value('unchanged'), await value('failed')], [1, 0]);
});

const absent: DirectoryScan = { files: [], complete: false, failure: { message: 'it does not exist' } };

test('the watcher is opened again when another directory is there', async (context) => {
  const bench = new SourceBench(context);
  await bench.source.start();
  bench.scan = { files: [], complete: true, identity: '1:2' };
  await bench.clock.advance(30_000);
  assert.equal(bench.reopened, 1);
  await bench.clock.advance(30_000);
  assert.equal(bench.reopened, 1);
});

test('an absent directory is looked for every 2 s, and the watcher is opened again when it is back', async (context) => {
  const bench = new SourceBench(context);
  const there = bench.scan;
  bench.scan = absent;
  await bench.source.start();
  for (const times of [1, 2]) {
    const before = bench.scans;
    await bench.clock.advance(4_000);
    assert.deepEqual([bench.scans - before, bench.reopened], [2, times - 1]);
    // The same one: it was only moved away.
    bench.scan = there;
    await bench.clock.advance(2_000);
    assert.equal(bench.reopened, times);
    bench.scan = absent;
    await bench.clock.advance(30_000);
  }
});

test('after a stop nothing is looked at or written, and no timer is left', async (context) => {
  const bench = new SourceBench(context);
  await bench.source.start();
  await settle();
  const timers = bench.clock.pendingTimers;
  const held = Promise.withResolvers<void>();
  bench.hold = held.promise;
  await bench.patch('demo', { spec: { limits: { memory: 1 } } });
  await bench.clock.advance(200);
  const stopped = bench.source.stop();
  held.resolve();
  await stopped;
  const { scans } = bench;
  await bench.clock.advance(120_000);
  assert.equal(bench.scans, scans);
  assert.equal((await bench.read('demo')).spec.limits.memory, 1);
  assert.ok(bench.clock.pendingTimers < timers);
});
