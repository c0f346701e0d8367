// Two jobs never work on one staging directory, not even when the daemon of one of them is dead.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { holdStaging } from '../../../src/archive/restore/staging-lock.ts';
import { systemClock } from '../../../src/clock/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { temporaryDirectory } from '../../support/node-config.ts';
import { until } from '../../support/until.ts';

const never = new AbortController().signal;
const real = { signal: never, clock: systemClock };

test('the second job waits for the first, and others wait for nobody', async (t) => {
  const staging = temporaryDirectory(t);
  const first = await holdStaging(staging, real);
  using _other = await holdStaging(`${staging}-other`, real);
  let second: Disposable | undefined;
  const waiting = holdStaging(staging, real).then((held) => {
    second = held;
  });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(second, undefined);
  first[Symbol.dispose]();
  await waiting;
  (second as Disposable | undefined)?.[Symbol.dispose]();
});

test('a job that is killed holds nothing any more (covers: SEC-103)', async (t) => {
  const staging = temporaryDirectory(t);
  const module = pathToFileURL(`${import.meta.dirname}/../../../src/archive/restore/staging-lock.ts`).href;
  const clock = pathToFileURL(`${import.meta.dirname}/../../../src/clock/clock.ts`).href;
  const program = [
    `import { holdStaging } from ${JSON.stringify(module)};`,
    `import { systemClock } from ${JSON.stringify(clock)};`,
    `await holdStaging(${JSON.stringify(staging)}, { signal: new AbortController().signal, clock: systemClock });`,
    `console.log('held'); setInterval(() => {}, 1000);`,
  ].join('\n');
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const holding: { held?: Disposable } = {};
  void holdStaging(staging, real).then((taken) => {
    holding.held = taken;
  });
  // Stopped, as by a disk that hangs: it may go on at any moment.
  child.kill('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(holding.held, undefined);
  child.kill('SIGKILL');
  const free = await until('it is free', 5_000, async () => holding.held);
  free[Symbol.dispose]();
});

test('nobody waits for ever, and nobody who is told to end', async (t) => {
  const staging = temporaryDirectory(t);
  using _first = await holdStaging(staging, real);
  const clock = new FakeClock();
  const late = assert.rejects(holdStaging(staging, { signal: never, clock }), { code: 'FAILED' });
  const turns = setInterval(() => void clock.advance(1_000), 1);
  await late;
  clearInterval(turns);
  const abort = new AbortController();
  const cancelled = assert.rejects(holdStaging(staging, { signal: abort.signal, clock: systemClock }), /enough/);
  abort.abort(new Error('enough'));
  await cancelled;
});
