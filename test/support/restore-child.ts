// One step of a restore in a process of its own that is killed, by itself at the point it is told, or by its parent.
// Started by `restoreChild`.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ArchivePlan, ReadPathPlan } from '../../src/archive/plan.ts';
import { runJob } from '../../src/archive/run-job.ts';
import { archiveJob } from './restore-bench.ts';

export type StepPlan = Exclude<ArchivePlan, ReadPathPlan>;

/** `point`: which of the places where a crash may part two acts ends it; 0 = none. Resolves when it is at work. */
export async function restoreChild(plan: StepPlan, point = 0): Promise<ChildProcess> {
  const args = [fileURLToPath(import.meta.url), JSON.stringify(plan), String(point)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [first] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  if (!Buffer.isBuffer(first)) throw new Error(`the process ended with ${first}`);
  return child;
}

/** How it ended: the signal that killed it, or `undefined`: it had done its work. */
export async function endOf(child: ChildProcess): Promise<NodeJS.Signals | undefined> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  if (child.exitCode !== null && child.exitCode !== 0) throw new Error(`the process ended with ${child.exitCode}`);
  return child.signalCode ?? undefined;
}

if (import.meta.main) {
  const [, , plan = '', point = '0'] = process.argv;
  let seen = 0;
  process.stdout.write('at work\n');
  await runJob(
    JSON.parse(plan) as StepPlan,
    archiveJob({
      checkpoint() {
        seen += 1;
        if (seen === Number(point)) process.kill(process.pid, 'SIGKILL');
      },
    }),
  );
}
