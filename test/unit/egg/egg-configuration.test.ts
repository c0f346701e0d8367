// The thread that edits the files of a server: in order, within limits, and never in the way of the daemon.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { EggConfigFile } from '../../../src/egg/config-file.ts';
import { EggConfiguration, type EggLimits } from '../../../src/egg/egg-configuration.ts';
import { eggContext } from '../../support/egg.ts';
import { recordedLog } from '../../support/recorded-log.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const limit = { timeout: 60_000 };
const never = new AbortController().signal;

function setUp(t: TestContext, limits: Partial<EggLimits> = {}) {
  const directory = join(temporaryDirectory(t), 'root');
  mkdirSync(directory);
  chmodSync(directory, 0o755);
  const log = recordedLog();
  const configuration = new EggConfiguration({ limits });
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const apply = (configs: EggConfigFile[], signal: AbortSignal = never) =>
    configuration.apply({ directory, owner, configs, context: eggContext, log }, signal);
  return { apply, log, directory, read: (name: string) => readFileSync(join(directory, name), 'utf8') };
}

const setting = (file: string, parser = 'properties', value = '2'): EggConfigFile => ({
  file,
  parser,
  replace: [{ match: 'a', replaceWith: value }],
});

test('all files of a server, one after another, whatever one of them does', limit, async (t) => {
  const { apply, log, directory, read } = setUp(t);
  writeFileSync(join(directory, 'bad.json'), '{');
  const reports = await apply([
    setting('f'),
    setting('bad.json', 'json'),
    setting('../x'),
    setting('g', 'none'),
    setting('f', 'properties', '3'),
    { ...setting('h.json', 'json'), replace: [{ match: '', replaceWith: 1 }] },
  ]);
  assert.deepEqual(
    reports.map(({ file, result }) => [file, result]),
    [
      ['f', 'written'],
      ['bad.json', 'failed'],
      ['../x', 'failed'],
      ['g', 'skipped'],
      ['f', 'written'],
      ['h.json', 'written'],
    ],
  );
  assert.equal(read('f'), 'a=3\n');
  assert.equal(read('bad.json'), '{');
  assert.equal(log.find({ level: 'warn', message: 'a configuration file was left as it is' }).length, 2);
  assert.equal(log.find({ level: 'warn' }).length, 4);
});

test('no value reaches the log', limit, async (t) => {
  const { apply, log, directory } = setUp(t);
  writeFileSync(join(directory, 'f.json'), '{"k":"old-secret\\q"}');
  writeFileSync(join(directory, 'g.yml'), 'a: !x old-secret\n');
  await apply([
    { file: 'f.json', parser: 'json', replace: [{ match: 'k', replaceWith: 'new-secret' }] },
    { file: 'g.yml', parser: 'yaml', replace: [{ match: 'a', replaceWith: 'new-secret' }] },
    { file: 'g.ini', parser: 'ini', replace: [{ match: 'a', replaceWith: 'new-secret\n' }] },
  ]);
  assert.doesNotMatch(JSON.stringify(log.lines), /secret/);
  assert.equal(log.lines.length > 2, true);
});

test('a file that takes too long costs itself, not the daemon (covers: SEC-94, SEC-122)', limit, async (t) => {
  const { apply, directory, read } = setUp(t, { fileMs: 300 });
  const slow = Array.from({ length: 400_000 }, (_, index) => `k${index}: {x: [1, 2, 3]}\n`).join('');
  writeFileSync(join(directory, 'slow.yml'), slow);
  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 10);
  const reports = await apply([setting('slow.yml', 'yaml'), setting('f')]);
  clearInterval(timer);
  assert.deepEqual(
    reports.map(({ result }) => result),
    ['failed', 'written'],
  );
  assert.match(reports[0]?.reason ?? '', /more than 0.3 s/);
  assert.equal(turns > 10, true, `${turns} turns of the event loop`);
  assert.equal(read('slow.yml').length, slow.length);
  assert.deepEqual(readdirSync(directory).sort(), ['f', 'slow.yml']);
});

test('a file that takes too much memory costs itself, not the daemon (covers: SEC-94)', limit, async (t) => {
  const { apply, directory } = setUp(t, { heapMb: 24, fileMs: 30_000 });
  writeFileSync(join(directory, 'large.json'), `[${'{},'.repeat(1_000_000)}{}]`);
  const reports = await apply([setting('large.json', 'json'), setting('f')]);
  assert.deepEqual(
    reports.map(({ result }) => result),
    ['failed', 'written'],
  );
  assert.match(reports[0]?.reason ?? '', /OUT_OF_MEMORY/);
});

test('a thread that ends with its answer costs the next file nothing', limit, async (t) => {
  const { apply, read } = setUp(t);
  process.once('worker', (worker) => {
    // A last answer that is read with the end of its thread is told in the same turn, before anybody can act on it.
    worker.on('message', ({ kind }: { kind: string }) => {
      if (kind !== 'edited') return;
      worker.once('message', () => {
        worker.emit('exit', 1);
        void worker.terminate();
      });
    });
  });
  const reports = await apply([setting('f'), setting('g')]);
  assert.deepEqual(
    reports.map(({ result, reason }) => [result, reason]),
    [
      ['written', undefined],
      ['written', undefined],
    ],
  );
  assert.equal(read('g'), 'a=2\n');
});

test('an abort ends the waiting and the work', limit, async (t) => {
  const { apply, directory } = setUp(t);
  const slow = Array.from({ length: 400_000 }, (_, index) => `k${index}: {x: [1, 2, 3]}\n`).join('');
  writeFileSync(join(directory, 'slow.yml'), slow);
  const gone = new Error('gone');
  await assert.rejects(apply([setting('f')], AbortSignal.abort(gone)), gone);
  const controllers = Array.from({ length: 3 }, () => new AbortController());
  const running = controllers.map(({ signal }) => apply([setting('slow.yml', 'yaml')], signal));
  const settled = Promise.allSettled(running);
  for (const controller of controllers.reverse()) controller.abort(gone);
  for (const outcome of await settled) assert.equal(outcome.status === 'rejected' && outcome.reason, gone);
  assert.deepEqual(
    (await apply([setting('f')])).map(({ result }) => result),
    ['written'],
  );
});

test('servers beyond the second wait their turn, and all get one', limit, async (t) => {
  const { apply, read } = setUp(t);
  await Promise.all(Array.from({ length: 5 }, (_, index) => apply([setting(`f${index}`)])));
  for (let index = 0; index < 5; index++) assert.equal(read(`f${index}`), 'a=2\n');
});

test('without files there is no thread', async (t) => {
  assert.deepEqual(await setUp(t).apply([]), []);
});
