// A real directory, a real watcher and the real reader of texts, over a store in memory: whatever way a file is saved, the
// store follows in a moment, and whatever lies in the directory, the rest goes on.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/clock/clock.ts';
import { createManifestSource } from '../../src/manifests/manifest-source.ts';
import { Admission } from '../../src/resources/admission.ts';
import type { Server } from '../../src/resources/server.ts';
import { Informer } from '../../src/runtime/informer.ts';
import { writeContext } from '../support/an-admission.ts';
import { manifest } from '../support/manifest-bench.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

/** Far less than the 30 s after which the directory is looked at anyway. */
const soonMs = 10_000;

interface Followed {
  directory: string;
  admission: Admission;
  log: ReturnType<typeof recordedLog>;
  reasons: string[];
  problems(): string[];
  write(name: string, text: string): void;
  memory(name?: string): Promise<number | undefined>;
  /** Waits until the server has this much. */
  has(memory: number, name?: string): Promise<void>;
  names(): Promise<string[]>;
  revision(): Promise<string>;
}

async function follow(context: TestContext, files: Record<string, string> = {}): Promise<Followed> {
  const directory = join(temporaryDirectory(context), 'manifests');
  mkdirSync(directory);
  const clock = systemClock;
  const store = new MemoryStore({ clock });
  const admission = new Admission({ store, nodeName: 'node-1', clock });
  const log = recordedLog();
  const reasons: string[] = [];
  const servers = new Informer<Server>({ store, kind: 'Server', clock, log });
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  for (const [name, text] of Object.entries(files)) write(name, text);
  servers.start();
  context.after(() => servers.stop());
  const source = createManifestSource({
    ...{ directory, nodeName: 'node-1', store, admission, caches: [servers as Informer], clock, log },
    events: { event: (_, __, reason) => void reasons.push(reason) },
  });
  context.after(() => source.stop());
  await source.start();
  const memory = async (name = 'demo') => (await store.get<Server>('Server', name))?.spec.limits.memory;
  return {
    ...{ directory, admission, log, reasons, write, memory },
    problems: () => source.problems().map(({ file }) => file),
    has: async (wanted, name) => {
      await until(`memory ${wanted}`, soonMs, async () => (await memory(name)) === wanted);
    },
    // Nobody takes the finalizer away here, so one that is being deleted stays.
    names: async () => {
      const { items } = await store.list('Server');
      return items.filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata.name);
    },
    revision: async () => (await store.list('Server')).resourceVersion,
  };
}

const sized = (memory: number, name = 'demo') => manifest({ name, spec: `limits: { memory: ${memory} }` });

test('every way of saving a file is followed', { timeout: 90_000 }, async (context) => {
  const { directory, write, has } = await follow(context, { 'demo.yaml': sized(1) });
  const path = join(directory, 'demo.yaml');
  await has(1);

  write('demo.yaml', sized(2));
  await has(2);

  // By renaming a new file over the old one.
  write('.demo.yaml.tmp', sized(3));
  renameSync(join(directory, '.demo.yaml.tmp'), path);
  await has(3);

  // As vim does: a swap file, the old file as a backup, a new file, the backup gone.
  write('.demo.yaml.swp', 'binary');
  renameSync(path, `${path}~`);
  write('demo.yaml', sized(4));
  unlinkSync(`${path}~`);
  unlinkSync(join(directory, '.demo.yaml.swp'));
  await has(4);

  // In pieces, each of which is a manifest of its own.
  const file = openSync(path, 'w');
  for (const piece of sized(5).split(/(?=\n)/)) {
    writeSync(file, piece);
    await sleep(20);
  }
  closeSync(file);
  await has(5);

  execFileSync('/bin/sed', ['-i', 's/memory: 5/memory: 6/', path]);
  await has(6);

  unlinkSync(path);
  write('demo.yml', sized(7));
  await has(7);
});

test('half a file is never applied', { timeout: 60_000 }, async (context) => {
  const { directory, write, has, memory, log } = await follow(context, { 'demo.yaml': sized(1) });
  const file = openSync(join(directory, 'demo.yaml'), 'w');
  let wroteAt = performance.now();
  let steady = true;
  for (const piece of `${sized(9)}# ${'x'.repeat(64)}`.match(/.{1,12}/gs) ?? []) {
    // On a machine that is busy elsewhere the writer may rest for so long that the file counts as finished.
    steady &&= performance.now() - wroteAt < 150;
    writeSync(file, piece);
    wroteAt = performance.now();
    await sleep(30);
    if (steady) assert.equal(await memory(), 1);
  }
  closeSync(file);
  await has(9);
  write('demo.yaml', sized(10));
  await has(10);
  if (steady) assert.deepEqual(log.find({ level: 'error' }), []);
});

test('a second look writes nothing, and what others change comes back', { timeout: 60_000 }, async (context) => {
  const { admission, directory, has, revision, reasons } = await follow(context, { 'demo.yaml': sized(1) });
  const before = await revision();
  appendFileSync(join(directory, 'demo.yaml'), '# a comment\n');
  await sleep(1_500);
  assert.equal(await revision(), before);
  await admission.patch('Server', 'demo', { spec: { limits: { memory: 5 } } }, writeContext());
  await has(1);
  assert.deepEqual(reasons, ['DriftReverted']);
});

test('a file that is removed is pruned after five seconds, not while another is broken', {
  timeout: 90_000,
}, async (context) => {
  const { directory, write, names, problems, reasons } = await follow(context, {
    'a.yaml': sized(1, 'first'),
    'b.yaml': sized(1, 'second'),
  });
  write('c.yaml', 'a: [');
  await until('the broken file is told', soonMs, async () => problems().includes('c.yaml'));
  unlinkSync(join(directory, 'b.yaml'));
  await sleep(6_500);
  assert.deepEqual(await names(), ['first', 'second']);
  write('c.yaml', sized(1, 'third'));
  await until('the file is mended', soonMs, async () => (await names()).includes('third'));
  const mendedAt = performance.now();
  await until('the removed one is pruned', 2 * soonMs, async () => !(await names()).includes('second'));
  assert.ok(performance.now() - mendedAt > 4_500, 'too soon');
  assert.deepEqual(await names(), ['first', 'third']);
  assert.ok(reasons.includes('Pruned'));
});

test('whatever lies in the directory, the rest is followed', { timeout: 90_000 }, async (context) => {
  const { directory, write, has, problems, names } = await follow(context);
  const at = (name: string) => join(directory, name);
  writeFileSync(at('binary.yaml'), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0xff, 0xfe]));
  writeFileSync(at('huge.yaml'), 'x'.repeat(4 * 1024 * 1024));
  execFileSync('/usr/bin/mkfifo', [at('fifo.yaml')]);
  symlinkSync('/etc/passwd', at('link.yaml'));
  symlinkSync(at('loop.yaml'), at('loop.yaml'));
  symlinkSync('/', at('root'));
  mkdirSync(at('folder.yaml'));
  mkdirSync(at('below'));
  writeFileSync(at('below/other.yaml'), sized(1, 'below'));
  write('demo.yaml', sized(1));
  await has(1);
  const strange = ['binary.yaml', 'fifo.yaml', 'folder.yaml', 'huge.yaml', 'link.yaml', 'loop.yaml'];
  await until('all are told', soonMs, async () => problems().length === strange.length);
  assert.deepEqual(problems(), strange);
  const stop = performance.now() + 2_000;
  while (performance.now() < stop) {
    write('coming.yaml', sized(1, 'coming'));
    await sleep(5);
    rmSync(at('coming.yaml'), { force: true });
  }
  write('demo.yaml', sized(2));
  await has(2);
  for (const name of strange) rmSync(at(name), { recursive: true });
  await until('all is in order', soonMs, async () => problems().length === 0);
  assert.deepEqual(await names(), ['demo']);
});

test('a hostile text neither stops the event loop nor the other files', { timeout: 90_000 }, async (context) => {
  const { write, has, problems, log } = await follow(context, { 'demo.yaml': sized(1) });
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  write('a-list.yaml', `a: [${'1,'.repeat(500_000)}]`);
  write('b-errors.yaml', ']'.repeat(1024 * 1024 - 1));
  write('demo.yaml', sized(2));
  await until('the file after them is followed', 3 * soonMs, async () => problems().length === 2);
  await has(2);
  delay.disable();
  // Ten seconds for each, on the event loop.
  assert.ok(delay.max / 1e6 < 1_000, `${delay.max / 1e6} ms`);
  for (const { fields } of log.find({ level: 'error' }))
    assert.match(String(fields['reason']), /it takes|not valid|more than/);
});

test('a directory that goes away takes nothing along, and is followed again when it is back', {
  timeout: 90_000,
}, async (context) => {
  const { directory, write, has, names, problems } = await follow(context, { 'demo.yaml': sized(1) });
  rmSync(directory, { recursive: true });
  await until('it is missed', soonMs, async () => problems().includes(directory));
  await sleep(6_500);
  assert.deepEqual(await names(), ['demo']);
  mkdirSync(directory);
  write('demo.yaml', sized(2));
  await has(2);
  write('demo.yaml', sized(3));
  await has(3);
  assert.deepEqual(await names(), ['demo']);
});

test('a directory that comes later is followed from then on', { timeout: 60_000 }, async (context) => {
  const { directory, write, has } = await follow(context);
  rmSync(directory, { recursive: true });
  await sleep(1_000);
  mkdirSync(directory);
  await sleep(1_000);
  write('demo.yaml', sized(1));
  await has(1);
});

test('two hundred files are followed one by one', { timeout: 120_000 }, async (context) => {
  const files = Array.from({ length: 200 }, (_, index) => [`${index}.yaml`, sized(1, `s-${index}`)] as const);
  const { write, has, names, revision } = await follow(context, Object.fromEntries(files));
  await until('all are there', 2 * soonMs, async () => (await names()).length === 200);
  const before = Number(await revision());
  await sleep(1_000);
  assert.equal(Number(await revision()), before);
  write('77.yaml', sized(2, 's-77'));
  await has(2, 's-77');
  assert.equal(Number(await revision()), before + 1);
});
