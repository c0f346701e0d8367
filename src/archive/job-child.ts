// The process of one job, behind process-runner.ts: a plan comes in, counters go out four times a second, one result or one
// error ends it. It ends when the daemon does, because the channel between them closes then.
import { readdirSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { setPriority } from 'node:os';
import { systemClock } from '../clock/clock.ts';
import { zlibEngine } from './gzip/zlib.ts';
import type { Job } from './job.ts';
import { failureOf, type JobReply, type JobRequest, outputDescriptor } from './job-messages.ts';
import type { ArchivePlan, ArchiveProgress, ArchiveResults } from './plan.ts';
import { needsCompressor, runJob, runReadPath } from './run-job.ts';

const progressMs = 250;

/** Games come first, also at the disk: without a class of its own, I/O priority follows from this. */
const niceness = 10;
/** Whatever runs out of memory, a backup that can be repeated should be the first to go. */
const oomScore = '500';

const cancel = new AbortController();

process.on('disconnect', () => cancel.abort(new Error('the daemon is gone')));
process.on('message', (request: JobRequest) => {
  if (request.kind === 'run') void work(request.plan);
  else cancel.abort(new Error('the job is cancelled'));
});

async function work(plan: ArchivePlan): Promise<void> {
  const progress: ArchiveProgress = { bytesDone: 0, bytesTotal: 0, files: 0 };
  stepBack();
  tell({ kind: 'progress', progress });
  const timer = setInterval(() => tell({ kind: 'progress', progress }), progressMs);
  let outcome: JobReply;
  try {
    outcome = { kind: 'done', result: await perform(plan, progress) };
  } catch (error) {
    outcome = { kind: 'failed', failure: failureOf(error) };
  } finally {
    clearInterval(timer);
  }
  tell({ kind: 'progress', progress });
  // Nothing keeps the process alive once the channel is closed.
  tell(outcome, () => process.connected && process.disconnect());
}

async function perform(
  plan: ArchivePlan,
  progress: ArchiveProgress,
): Promise<ArchiveResults[ArchivePlan['kind']] | undefined> {
  const gzip = needsCompressor(plan) ? await compressor() : zlibEngine;
  const job: Job = { signal: cancel.signal, progress, gzip, clock: systemClock };
  if (plan.kind !== 'read-path') return runJob(plan, job);
  const output = new Socket({ fd: outputDescriptor, readable: false, writable: true });
  await runReadPath(plan, job, { output, onFound: (facts) => tell({ kind: 'found', facts }) });
  return undefined;
}

async function compressor() {
  const { chooseEngine } = await import('./gzip/choose-engine.ts');
  const { engine, reason } = await chooseEngine();
  if (reason !== undefined) tell({ kind: 'slow', reason });
  return engine;
}

/** Threads that exist already count too: a priority is that of a thread. Where the system refuses, the job runs as it is. */
function stepBack(): void {
  attempt(() => {
    for (const thread of readdirSync('/proc/self/task')) attempt(() => setPriority(Number(thread), niceness));
  });
  attempt(() => writeFileSync('/proc/self/oom_score_adj', oomScore));
}

function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // A courtesy to others, not a condition of the work.
  }
}

/** Nobody is there to hear it once the channel is closed, and then the job ends anyway. */
function tell(reply: JobReply, sent: () => void = () => {}): void {
  if (process.connected) process.send?.(reply, undefined, undefined, sent);
}
