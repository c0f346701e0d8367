// From a plan to the work that does it. Each kind of work is loaded when it is asked for, so a process that only renames
// loads no compressor.
import type { Writable } from 'node:stream';
import type { Job } from './job.ts';
import type { ArchivePlan, ArchiveResults, PathFacts, ReadPathPlan } from './plan.ts';

/** Where a path of an archive goes; only for `read-path`. */
export interface PathReceiver {
  output: Writable;
  onFound: (facts: PathFacts) => void;
}

type Work = { [K in ArchivePlan['kind']]: (plan: Plan<K>, job: Job) => Promise<ArchiveResults[K]> };
type Plan<K extends ArchivePlan['kind']> = Extract<ArchivePlan, { kind: K }>;

const works: Omit<Work, 'read-path'> = {
  create: async (plan, job) => (await import('./create/create.ts')).createArchive(plan, job),
  verify: async (plan, job) => (await import('./restore/verify.ts')).verify(plan, job),
  stage: async (plan, job) => (await import('./restore/stage.ts')).stage(plan, job),
  'move-old': async (plan, job) => (await import('./restore/move.ts')).moveOld(plan, job),
  'move-new': async (plan, job) => (await import('./restore/move.ts')).moveNew(plan, job),
  merge: async (plan, job) => (await import('./restore/merge.ts')).merge(plan, job),
  'roll-back': async (plan, job) => (await import('./restore/roll-back.ts')).rollBack(plan, job),
  'in-place': async (plan, job) => (await import('./restore/in-place.ts')).inPlace(plan, job),
  discard: async (plan, job) => (await import('./restore/discard.ts')).discard(plan, job),
};

/** Plans that compress or read what was compressed. */
const compressing: ReadonlySet<ArchivePlan['kind']> = new Set(['create', 'verify', 'stage', 'in-place', 'read-path']);

export function needsCompressor({ kind }: ArchivePlan): boolean {
  return compressing.has(kind);
}

/** @throws ArchiveError, the signal's reason */
export async function runJob<P extends Exclude<ArchivePlan, ReadPathPlan>>(
  plan: P,
  job: Job,
): Promise<ArchiveResults[P['kind']]> {
  // The table holds for each kind what that kind promises; the compiler loses the connection.
  const work = works[plan.kind] as unknown as (plan: P, job: Job) => Promise<ArchiveResults[P['kind']]>;
  if (!('staging' in plan)) return work(plan, job);
  const { holdStaging } = await import('./restore/staging-lock.ts');
  using _alone = await holdStaging(plan.staging, job);
  return await work(plan, job);
}

/** @throws as `runJob` */
export async function runReadPath(plan: ReadPathPlan, job: Job, { output, onFound }: PathReceiver): Promise<void> {
  const { readPath } = await import('./restore/read-path.ts');
  await readPath(plan, job, output, onFound);
}
