// Both runners against the suite that defines the interface, and what only a process of its own can promise.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { constants, getPriority } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ProcessRunner } from '../../src/archive/process-runner.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { createPlan } from '../support/archive-plans.ts';
import { InProcessRunner } from '../support/in-process-runner.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';
import { archiveRunnerConformance } from './archive-runner.ts';

const openProcessRunner = () => new ProcessRunner({ log: silentLogger, clock: systemClock });

archiveRunnerConformance('InProcessRunner', () => new InProcessRunner());
archiveRunnerConformance('ProcessRunner', openProcessRunner);

test('a job that is killed is a job that crashed, and the daemon lives', async (t) => {
  const { running, pid } = await slowJob(t);
  const ended = assert.rejects(running, { code: 'CRASHED', message: /SIGKILL/ });
  process.kill(pid, 'SIGKILL');
  await ended;
  assert.ok(!existsSync(`/proc/${pid}`));
});

test('a job has a session of its own, steps back behind the games, and goes first when memory ends', async (t) => {
  const { pid } = await slowJob(t);
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  assert.deepEqual([group, session], [String(pid), String(pid)]);
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    assert.equal(getPriority(Number(thread)), constants.priority.PRIORITY_BELOW_NORMAL);
  }
  assert.equal(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim(), '500');
});

test('a job learns nothing from the environment of the daemon (covers: SEC-112)', async (t) => {
  process.env['AILERON_TEST_SECRET'] = 'canary';
  t.after(() => delete process.env['AILERON_TEST_SECRET']);
  const { pid } = await slowJob(t);
  assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'latin1'), /canary|PATH=/);
});

test('a job does not outlive its daemon, and leaves nothing (backups 15.11)', async (t) => {
  const plan = slowPlan(t);
  const modules = { runner: '../../src/archive/process-runner.ts', clock: '../../src/clock/clock.ts' };
  const [runner, clock] = Object.values(modules).map((path) => new URL(path, import.meta.url).href);
  const script = `
    const { ProcessRunner } = await import(${JSON.stringify(runner)});
    const { systemClock } = await import(${JSON.stringify(clock)});
    const log = { warn() {} };
    await new ProcessRunner({ log, clock: systemClock }).run(${JSON.stringify(plan)}, {
      signal: new AbortController().signal,
      onProgress: () => console.log('working'),
    });`;
  const daemon = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => daemon.kill('SIGKILL'));
  await new Promise((resolve) => daemon.stdout.once('data', resolve));
  const [job] = childrenOf(daemon.pid ?? 0);
  assert.ok(job !== undefined);
  daemon.kill('SIGKILL');
  await until('the job ends', 5000, async () => !existsSync(`/proc/${job}`));
  assert.deepEqual(readdirSync(dirname(plan.archive)), []);
});

async function slowJob(t: TestContext) {
  const runner = openProcessRunner();
  t.after(() => runner.close());
  const known = new Set(childrenOf(process.pid));
  const started = Promise.withResolvers<void>();
  const running = runner.run(slowPlan(t), {
    signal: new AbortController().signal,
    onProgress: ({ bytesDone }) => bytesDone > 0 && started.resolve(),
  });
  running.catch(() => {});
  await started.promise;
  const [pid] = childrenOf(process.pid).filter((child) => !known.has(child));
  assert.ok(pid !== undefined);
  return { running, pid };
}

/** One that would take half a minute. */
function slowPlan(t: TestContext) {
  const plan = createPlan(temporaryDirectory(t), { writeLimit: 1024 * 1024 });
  writeFileSync(join(plan.root, 'noise'), randomBytes(30 * 1024 * 1024));
  return plan;
}

function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  );
}
