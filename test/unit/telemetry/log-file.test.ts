import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { LogFile, type LogFileOptions } from '../../../src/telemetry/log-file.ts';
import { createLogger } from '../../../src/telemetry/pino-log.ts';
import { Redactor } from '../../../src/telemetry/redact.ts';
import { FakeClock } from '../../support/fake-clock.ts';

const unshare = '/usr/bin/unshare';
/** A mount needs a name space of its own, which needs root. */
const mounts = process.getuid?.() === 0 && existsSync(unshare);

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'log-file-'));
  path = join(directory, 'wings.log');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

function open({
  clock = new FakeClock(),
  ...rest
}: {
  clock?: FakeClock;
  bounds?: NonNullable<LogFileOptions['bounds']>;
} = {}) {
  const failures: Error[] = [];
  const log = new LogFile({ path, clock, onFailure: (error) => void failures.push(error), ...rest });
  return { log, failures, clock };
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
  const [lost = '', ...rest] = (await readFile(path, 'utf8')).split('\n');
  assert.deepEqual([JSON.parse(lost).lines, rest], [3, ['back', '']]);
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

test('a file that nobody rotates is moved aside by size, and few of those stay (covers: SEC-114)', async () => {
  const { log, failures } = open({ bounds: { bytes: 30, kept: 2 } });
  for (let n = 0; n < 10; n += 1) {
    log.write(`line ${n} of ten\n`); // 14 bytes
    await log.settled();
  }
  await log.close();
  const contents = (name: string) => readFile(join(directory, name), 'utf8');
  assert.deepEqual((await readdir(directory)).sort(), ['wings.log', 'wings.log.1', 'wings.log.2']);
  assert.equal(await contents('wings.log'), 'line 8 of ten\nline 9 of ten\n');
  assert.equal(await contents('wings.log.1'), 'line 6 of ten\nline 7 of ten\n');
  assert.equal(await contents('wings.log.2'), 'line 4 of ten\nline 5 of ten\n');
  assert.equal((await stat(`${path}.1`)).mode & 0o777, 0o600);
  assert.deepEqual(failures, []);
});

test('what an earlier daemon wrote counts too (covers: SEC-114)', async () => {
  await writeFile(path, 'x'.repeat(25));
  const { log } = open({ bounds: { bytes: 30, kept: 1 } });
  log.write('a new line\n');
  await log.close();
  assert.equal(await readFile(path, 'utf8'), 'a new line\n');
  assert.equal((await stat(`${path}.1`)).size, 25);
});

test('an hour of floods leaves a bounded log, and says what it left out (covers: SEC-114)', async () => {
  const clock = new FakeClock();
  const bounds = { bytes: 64 * 1024, kept: 2 };
  const { log: file, failures } = open({ clock, bounds });
  let written = 0;
  const log = createLogger({
    ...{ level: 'info', redactor: new Redactor(), terminal: false, clock },
    write: () => {
      written += 1;
    },
    alsoWrite: (line) => file.write(line),
  });
  for (let second = 0; second < 3_600; second += 1) {
    for (let n = 0; n < 50; n += 1) log.warn({ second }, 'the connection was refused');
    if (second % 10 === 0) await file.settled();
    await clock.advance(1_000);
  }
  await file.close();
  const names = await readdir(directory);
  assert.equal(names.length, 3);
  for (const name of names) assert.ok((await stat(join(directory, name))).size <= bounds.bytes, name);
  // Of 3,000 a minute the first 600, and then each hundredth.
  assert.equal(written, 60 * (600 + 24));
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  assert.equal(JSON.parse(lines.at(-1) ?? '').leftOut, 99);
  assert.deepEqual(failures, []);
});

test('messages are sampled one by one, and a new minute is a new start (covers: SEC-114)', async () => {
  const clock = new FakeClock();
  const lines: { msg: string; n: number; leftOut?: number }[] = [];
  const log = createLogger({
    ...{ level: 'info', redactor: new Redactor(), terminal: false, clock },
    write: (line) => void lines.push(JSON.parse(line)),
  });
  const flood = (message: string) => {
    for (let n = 0; n < 650; n += 1) log.child({ part: 'a' }).info({ n }, message);
  };
  flood('one');
  flood('two');
  log.warn({ n: -1 }, 'one');
  assert.equal(lines.length, 600 + 600 + 1);
  await clock.advance(60_000);
  log.info({ n: 0 }, 'one');
  assert.deepEqual([lines.at(-1)?.leftOut, lines.at(-2)?.leftOut], [50, undefined]);
  for (let n = 0; n < 2_000; n += 1) log.info({ n }, `constant sentence ${n}`);
  assert.equal(lines.length, 1_202 + 2_000);
});

test('a file that cannot be moved aside is begun anew, which is told once (covers: SEC-114)', async () => {
  const { log, failures } = open({ bounds: { bytes: 30, kept: 1 } });
  await mkdir(`${path}.1`);
  for (let n = 10; n < 30; n += 1) {
    log.write(`line ${n} of 20\n`); // 14 bytes
    await log.settled();
    assert.ok((await stat(path)).size <= 30);
  }
  assert.equal(await readFile(path, 'utf8'), 'line 28 of 20\nline 29 of 20\n');
  assert.equal(failures.length, 1);
  assert.match(failures[0]?.message ?? '', /moved aside.*EISDIR/);
  await rm(`${path}.1`, { recursive: true });
  log.write('moved again\n');
  await log.close();
  assert.equal(await readFile(`${path}.1`, 'utf8'), 'line 28 of 20\nline 29 of 20\n');
});

test('an older file that cannot be moved does not hold up the newer ones (covers: SEC-114)', async () => {
  const { log, failures } = open({ bounds: { bytes: 30, kept: 2 } });
  await mkdir(`${path}.2`);
  await writeFile(`${path}.1`, 'older\n');
  await writeFile(path, 'x'.repeat(29));
  log.write('new\n');
  await log.close();
  assert.deepEqual([await readFile(`${path}.1`, 'utf8'), await readFile(path, 'utf8')], ['x'.repeat(29), 'new\n']);
  assert.equal(failures.length, 1);
});

/** A device that is always full. */
const full = '/dev/full';

test('lines that no room was found for are counted', { skip: !existsSync(full) }, async () => {
  await symlink(full, path);
  const { log, failures } = open();
  for (let n = 0; n < 5; n += 1) log.write('lost\n');
  await log.settled();
  log.write('lost\nas well\n');
  await log.settled();
  assert.equal(failures.length, 1);
  await rm(path);
  log.write('kept\n');
  await log.close();
  const [lost = '', ...rest] = (await readFile(path, 'utf8')).split('\n');
  assert.deepEqual([JSON.parse(lost).lines, rest], [6, ['kept', '']]);
});

test('a line behind one that was cut off has a line of its own', { skip: !mounts }, async () => {
  const module = join(import.meta.dirname, '../../../src/telemetry/log-file.ts');
  await writeFile(
    join(directory, 'script.ts'),
    `import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { LogFile } from ${JSON.stringify(module)};
process.chdir(${JSON.stringify(directory)});
execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', '.']);
process.chdir(${JSON.stringify(directory)});
writeFileSync('filler', Buffer.alloc(8192));
const log = new LogFile({ path: 'wings.log', onFailure: () => {} });
log.write('first\\n');
await log.settled();
log.write('x'.repeat(20_000) + '\\n');
await log.settled();
rmSync('filler');
log.write('last\\n');
await log.close();
console.log(JSON.stringify(readFileSync('wings.log', 'utf8').split('\\n')));
`,
  );
  let out: string;
  try {
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    const script = join(directory, 'script.ts');
    out = execFileSync(unshare, ['--mount', process.execPath, script], { encoding: 'utf8', stdio: [...stdio] });
  } catch (error) {
    // Some sandboxes let nobody mount.
    if (/(?:unshare|mount).*(?:denied|not permitted)/i.test(String((error as { stderr?: string }).stderr))) return;
    throw error;
  }
  const [first, torn, lost, ...rest]: string[] = JSON.parse(out);
  assert.deepEqual([first, rest], ['first', ['last', '']]);
  assert.match(torn ?? '', /^x+$/);
  assert.equal(JSON.parse(lost ?? '').lines, 1);
});
