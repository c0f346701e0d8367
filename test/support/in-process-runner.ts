// The jobs of archives in this process: the same work as in a process of its own, for tests that look into it.
import type { Writable } from 'node:stream';
import { chooseEngine } from '../../src/archive/gzip/choose-engine.ts';
import type { Job } from '../../src/archive/job.ts';
import type { ArchivePlan, ArchiveProgress, ArchiveResults, PathFacts, ReadPathPlan } from '../../src/archive/plan.ts';
import { runJob, runReadPath } from '../../src/archive/run-job.ts';
import type { ArchiveRunner, RunOptions } from '../../src/archive/runner.ts';
import { asArchiveError } from '../../src/archive/system-failure.ts';
import { systemClock } from '../../src/clock/clock.ts';

const progressMs = 250;

export class InProcessRunner implements ArchiveRunner {
  readonly #jobs = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #extras: Partial<Job>;

  /** `extras`: what a job is given otherwise than usual. */
  constructor(extras: Partial<Job> = {}) {
    this.#extras = extras;
  }

  run<P extends Exclude<ArchivePlan, ReadPathPlan>>(
    plan: P,
    { signal, onProgress }: RunOptions,
  ): Promise<ArchiveResults[P['kind']]> {
    return this.#keep(signal, (job) => runJob(plan, job), onProgress);
  }

  readPath(
    plan: ReadPathPlan,
    output: Writable,
    { signal, onFound }: { signal: AbortSignal; onFound: (facts: PathFacts) => void },
  ): Promise<void> {
    return this.#keep(signal, (job) => runReadPath(plan, job, { output, onFound }));
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the daemon is going down'));
    await Promise.allSettled(this.#jobs);
  }

  #keep<T>(
    stop: AbortSignal,
    work: (job: Job) => Promise<T>,
    onProgress: (progress: ArchiveProgress) => void = () => {},
  ): Promise<T> {
    const running = this.#run(AbortSignal.any([stop, this.#closing.signal]), work, onProgress);
    this.#jobs.add(running);
    const forget = () => this.#jobs.delete(running);
    running.then(forget, forget);
    return running;
  }

  async #run<T>(
    signal: AbortSignal,
    work: (job: Job) => Promise<T>,
    onProgress: (progress: ArchiveProgress) => void,
  ): Promise<T> {
    signal.throwIfAborted();
    const progress: ArchiveProgress = { bytesDone: 0, bytesTotal: 0, files: 0 };
    const { engine } = await chooseEngine();
    const timer = setInterval(() => onProgress({ ...progress }), progressMs);
    try {
      return await work({ signal, progress, gzip: engine, clock: systemClock, ...this.#extras });
    } catch (error) {
      signal.throwIfAborted();
      throw asArchiveError(error, 'the archive job failed');
    } finally {
      clearInterval(timer);
      onProgress({ ...progress });
    }
  }
}
