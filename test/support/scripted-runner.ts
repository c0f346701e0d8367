// An ArchiveRunner whose jobs do what the test says, when it says it. A create leaves on disk what a real one leaves: a
// partial file while it works, then the sidecar and the archive.
import { createHash } from 'node:crypto';
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type {
  ArchiveFacts,
  ArchivePlan,
  ArchiveProgress,
  ArchiveResults,
  CreatePlan,
  ReadPathPlan,
} from '../../src/archive/plan.ts';
import type { ArchiveRunner, RunOptions } from '../../src/archive/runner.ts';

type Runnable = Exclude<ArchivePlan, ReadPathPlan>;

export class ScriptedJob<P extends Runnable = Runnable> {
  readonly plan: P;
  readonly promise: Promise<unknown>;
  readonly #options: RunOptions;
  readonly #settle = Promise.withResolvers<unknown>();
  ended = false;

  constructor(plan: P, options: RunOptions, leavesPartial: boolean) {
    this.plan = plan;
    this.#options = options;
    this.promise = this.#settle.promise;
    if (plan.kind === 'create') writeFileSync(partialOf(plan), 'half');
    const end = () => {
      if (plan.kind === 'create' && !leavesPartial) rmSync(partialOf(plan), { force: true });
      this.fail(options.signal.reason);
    };
    if (options.signal.aborted) end();
    else options.signal.addEventListener('abort', end, { once: true });
  }

  progress(bytesDone: number, bytesTotal: number, more: Partial<ArchiveProgress> = {}): void {
    this.#options.onProgress?.({ bytesDone, bytesTotal, files: 0, ...more });
  }

  /** Everything is on disk, and nobody has been told. */
  write(content = 'archive', parts: Partial<ArchiveFacts> = {}): ArchiveFacts {
    const { plan } = this;
    if (plan.kind !== 'create') throw new TypeError('only a create makes an archive');
    const facts = archiveFacts(content, parts);
    const { server, backup, operation, daemonVersion } = plan;
    const checksum = { type: 'sha1', value: facts.checksum };
    const sidecar = { version: 1, server, backup, operation, ...facts, checksum, created: '2026-01-01T00:00:00Z' };
    const path = join(dirname(plan.archive), `${backup}.json`);
    writeFileSync(path, JSON.stringify({ ...sidecar, daemonVersion }));
    writeFileSync(partialOf(plan), content);
    renameSync(partialOf(plan), plan.archive);
    return facts;
  }

  /** A create writes its archive first. */
  finish(content?: string, parts?: Partial<ArchiveFacts>): void {
    this.#end(() => this.#settle.resolve(this.plan.kind === 'create' ? this.write(content, parts) : undefined));
  }

  /** With the facts of whatever plan it is. */
  succeed(facts?: unknown): void {
    this.#end(() => this.#settle.resolve(facts));
  }

  fail(error: unknown): void {
    this.#end(() => this.#settle.reject(error));
  }

  #end(settle: () => void): void {
    if (this.ended) return;
    this.ended = true;
    settle();
  }
}

export class ScriptedRunner implements ArchiveRunner {
  /** In the order of their start. */
  readonly jobs: ScriptedJob[] = [];
  /** A job that is killed leaves its partial file, as a crash does. */
  leavesPartials = false;

  get running(): ScriptedJob[] {
    return this.jobs.filter(({ ended }) => !ended);
  }

  creates(): ScriptedJob<CreatePlan>[] {
    return this.jobs.filter((job): job is ScriptedJob<CreatePlan> => job.plan.kind === 'create');
  }

  run<P extends Runnable>(plan: P, options: RunOptions): Promise<ArchiveResults[P['kind']]> {
    const job = new ScriptedJob(plan, options, this.leavesPartials);
    this.jobs.push(job);
    return job.promise as Promise<ArchiveResults[P['kind']]>;
  }

  async readPath(): Promise<void> {
    throw new Error('not in this test');
  }

  async close(): Promise<void> {}
}

export function archiveFacts(content: string, parts: Partial<ArchiveFacts> = {}): ArchiveFacts {
  return {
    size: Buffer.byteLength(content),
    checksum: createHash('sha1').update(content).digest('hex'),
    ...{ format: 'gzip', entries: 3, contentBytes: 1000, changed: 0, skipped: 0, verified: true, warnings: [] },
    ...parts,
  };
}

function partialOf({ archive, operation }: CreatePlan): string {
  return join(dirname(archive), `.${basename(archive, '.tar.gz')}.${operation}.partial`);
}
