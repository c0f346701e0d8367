import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { LogFile } from '../../../src/telemetry/log-file.ts';
import { createLogger } from '../../../src/telemetry/pino-log.ts';
import { Redactor } from '../../../src/telemetry/redact.ts';
import { FakeClock } from '../../support/fake-clock.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'log-file-'));
  path = join(directory, 'wings.log');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

function open(clock = new FakeClock()): { log: LogFile; failures: Error[]; clock: FakeClock } {
  const failures: Error[] = [];
  return { log: new LogFile({ path, clock, onFailure: (error) => void failures.push(error) }), failures, clock };
}

test('lines are appended in order, for nobody else to read (covers: SEC-113)', async () => {
  const { log, failures } = open();
  for (let n = 0; n < 100; n += 1) log.write(`${n}\n`);
  await log.close();
  log.write('more\n');
  await log.close();
  assert.equal(await readFile(path, 'utf8'), `${Array.from({ length: 100 }, (_, n) => n).join('\n')}\nmore\n`);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(failures, []);
});

test('after a signal the lines go to the file that has the name then', async () => {
  const { log } = open();
  log.write('old\n');
  await log.settled();
  await rename(path, `${path}.1`);
  log.write('still old\n');
  await log.settled();
  log.reopen();
  log.write('new\n');
  await log.close();
  assert.equal(await readFile(`${path}.1`, 'utf8'), 'old\nstill old\n');
  assert.equal(await readFile(path, 'utf8'), 'new\n');
});

test('a rotation that tells nobody is noticed', async () => {
  const { log, clock } = open();
  log.write('old\n');
  await log.settled();
  await rename(path, `${path}.1`);
  await clock.advance(5_000);
  log.write('new\n');
  await log.close();
  assert.equal(await readFile(path, 'utf8'), 'new\n');
});

test('what waits is bounded, and what was left out is counted', async () => {
  const { log } = open();
  const line = `${'x'.repeat(1_023)}\n`;
  for (let n = 0; n < 1_030; n += 1) log.write(line);
  await log.close();
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  assert.equal(lines.length, 1_025);
  assert.deepEqual(JSON.parse(lines.at(-1) ?? '').lines, 6);
});

test('a disk that refuses is told once, and tried again', async () => {
  const { log, failures } = open();
  await mkdir(path);
  for (let n = 0; n < 3; n += 1) {
    log.write('lost\n');
    await log.settled();
  }
  assert.equal(failures.length, 1);
  assert.match(failures[0]?.message ?? '', /EISDIR/);
  await rm(path, { recursive: true });
  log.write('back\n');
  await log.close();
  assert.equal(await readFile(path, 'utf8'), 'back\n');
});

test('the file has JSON, without secrets, also when a person reads the text (covers: SEC-124)', () => {
  const [shown, filed]: [string[], string[]] = [[], []];
  const redactor = new Redactor();
  redactor.add('supersecret');
  const log = createLogger({
    ...{ level: 'info', redactor, terminal: true },
    write: (line) => void shown.push(line),
    alsoWrite: (line) => void filed.push(line),
  });
  log.info({ server: 'a', token: 'supersecret' }, 'said');
  assert.match(shown[0] ?? '', /INFO {2}said server=a/);
  assert.deepEqual([JSON.parse(filed[0] ?? '').msg, JSON.parse(filed[0] ?? '').server], ['said', 'a']);
  assert.equal(`${shown}${filed}`.includes('supersecret'), false);
});
