// Brings each Backup to its end: an archive on disk, or a reason why there is none. What it does from each phase, also
// after a crash of the daemon:
//   Pending     → waits for its turn on the server and for a place on the node, then takes the server
//   Archiving   → a job makes the archive; found again by another daemon: an archive that got its name before the crash
//                 is taken over, a partial one is removed and the work starts once more, the third time never
//   Finalizing  → the outcome is durable: reports, release, the final write, completion (ending.ts)
//   Completed   → verification when asked for, a look whether the archive is there; on deletion archive and object go
//   Failed, Cancelled → go after seven days
// The key is the backup's name. It is enqueued by a change of the object, the end of its job, a place that becomes free,
// the end of another backup of the server, a change of the server's claim or deletion, and a slow resync.

import { ProgressMeter } from '../../src/bus/progress-meter.ts';
import { type Backup, isFinishedBackup } from '../../src/resources/backup.ts';
import { isOfNode } from '../../src/resources/identity.ts';
import type { Server } from '../../src/resources/server.ts';
import { wirePhases } from '../../src/resources/wire-phase.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import { after, type Outcome, type Reconcile } from '../../src/runtime/reconciler.ts';
import { inJobSpan, traceparentAnnotation } from '../../src/runtime/tracing.ts';
import { adopt } from './adoption.ts';
import { archiveServer } from './archive-job.ts';
import { decide, isAdoption, isEarlier, type Step, type View } from './decision.ts';
import { type BackupDeps, keyOf, operationOf, type Work } from './deps.ts';
import { conclude, end, publishEnd } from './ending.ts';
import { completed, failureOf, unforeseen } from './outcomes.ts';
import { expire, lookForArchive, removeBackup } from './removal.ts';
import { begin, recover, waitMs } from './starting.ts';
import { enter, record } from './status.ts';
import { beginVerification, recordVerification, verificationOf, verifyArchive } from './verification.ts';

/** More steps than any path through the decision needs: beyond, two steps undo each other. */
const maxSteps = 12;

/** Expiry is a matter of the wall clock, which may jump: nobody sleeps longer than this towards it. */
const longestWaitMs = 3_600_000;

type Progress = Outcome | 'again';

export function backupReconciler(deps: BackupDeps): Reconcile {
  return async (name, { log }) => {
    for (let steps = 0; steps < maxSteps; steps += 1) {
      const backup = await deps.store.get<Backup>('Backup', name);
      abandonAnother(deps, name, backup);
      if (!backup) return undefined;
      const server = await serverOf(deps, backup);
      const work = isFinishedBackup(backup) || isAdoption(backup) ? undefined : workOf(deps, backup);
      if (await takeOutcome(deps, backup, work)) continue;
      const step = decide(viewOf(deps, backup, server, work));
      log.debug({ step: step.do, phase: backup.status?.phase }, 'decided the next step');
      const outcome = await perform(deps, backup, server, work, step);
      if (outcome !== 'again') return outcome;
    }
    throw new Error(`no end was reached in ${maxSteps} steps`);
  };
}

/** Somebody removed the object by force: its work ends, and those who watch hear of it. */
function abandonAnother(deps: BackupDeps, name: string, backup: Backup | undefined): void {
  const work = deps.works.get(name);
  if (!work || work.uid === backup?.metadata.uid) return;
  void deps.jobs.cancel(name, new Error('the object is gone'));
  deps.slots.release(work.uid);
  const message = 'The backup was removed before it had ended.';
  publishEnd(deps, work.backup, work, { result: 'Cancelled', reason: 'Removed', message });
}

/** The server of this uuid, if there is one. */
async function serverOf({ store }: BackupDeps, { spec: { serverRef } }: Backup): Promise<Server | undefined> {
  const server = await store.get<Server>('Server', serverRef.name);
  return server?.spec.uuid === serverRef.uuid ? server : undefined;
}

/** Those who watch see it from the first look on: in the queue, or where an earlier daemon left it. */
function workOf(deps: BackupDeps, backup: Backup): Work | undefined {
  const { metadata, status } = backup;
  const present = deps.works.get(metadata.name);
  if (present || !isOfNode(backup, deps.config.aileron.nodeName)) return present;
  const { server, backup: backupId } = keyOf(backup);
  const operation = { operation: metadata.uid, type: 'create', backupId } as const;
  const meter = new ProgressMeter({ bus: deps.bus, clock: deps.clock, server, operation, from: status?.progress });
  const work: Work = { uid: metadata.uid, backup, meter, failedLooks: 0 };
  deps.works.set(metadata.name, work);
  meter.phase(status?.startedAt ? wirePhases[status.phase ?? 'Pending'] : 'queued');
  return work;
}

/** What a job came to is kept until it is recorded. Answers whether the object has changed by it. */
async function takeOutcome(deps: BackupDeps, backup: Backup, work: Work | undefined): Promise<boolean> {
  const ended = deps.jobs.takeOutcome(backup.metadata.name);
  if (!ended) return false;
  const { attempt, result, error } = ended;
  if (work && attempt === attemptOf(backup)) {
    if (result?.kind === 'create') work.verdict = { outcome: completed, facts: result.facts };
    else work.verdict = { outcome: work.stopping ?? failed(deps, backup, error) };
  }
  const request = backup.status?.verification?.request;
  if (request === undefined || attempt !== verificationOf(backup, request)) return false;
  if (backup.metadata.deletionTimestamp) return false;
  await recordVerification(deps, backup, request, error);
  return true;
}

function failed(deps: BackupDeps, backup: Backup, error: unknown): OperationOutcome {
  deps.log.error({ err: error, backup: backup.metadata.name }, 'a backup failed');
  return failureOf(error) ?? unforeseen;
}

function viewOf(deps: BackupDeps, backup: Backup, server: Server | undefined, work: Work | undefined): View {
  const presence = server?.metadata.deletionTimestamp ? 'leaving' : 'present';
  return {
    backup,
    nodeName: deps.config.aileron.nodeName,
    server: server ? presence : 'gone',
    behind: isBehind(deps, backup),
    working: deps.jobs.current(backup.metadata.name) !== undefined,
    attempt: work?.attempt,
    stopping: work?.stopping !== undefined,
    verdict: work?.verdict,
    now: deps.clock.now(),
  };
}

function isBehind({ backups, config }: BackupDeps, backup: Backup): boolean {
  const { nodeName } = config.aileron;
  return backups
    .byIndex('server', backup.spec.serverRef.uuid ?? '')
    .some(
      (other) =>
        other.metadata.uid !== backup.metadata.uid &&
        !isFinishedBackup(other) &&
        isOfNode(other, nodeName) &&
        isEarlier(other, backup),
    );
}

async function perform(
  deps: BackupDeps,
  backup: Backup,
  server: Server | undefined,
  work: Work | undefined,
  step: Step,
): Promise<Progress> {
  switch (step.do) {
    case 'wait':
      return isFinishedBackup(backup) ? undefined : after(waitMs);
    case 'stand-back':
      // Those that come first may wait for the very place that was set aside for this one.
      deps.slots.release(backup.metadata.uid);
      return after(waitMs);
    case 'adopt':
      await adopt(deps, backup);
      return 'again';
    case 'stop-job':
      return stopJob(deps, backup, work, step.outcome);
    case 'remove':
      deps.slots.release(verificationOf(backup, backup.status?.verification?.request));
      await removeBackup(deps, backup);
      return undefined;
    case 'begin-verification':
      await beginVerification(deps, backup, step.request);
      return 'again';
    case 'verify':
      return verify(deps, backup, step.request);
    case 'look':
      await lookForArchive(deps, backup);
      return undefined;
    case 'expire':
      await expire(deps, backup);
      return undefined;
    case 'expire-later':
      return after(Math.min(step.at - deps.clock.now(), longestWaitMs));
  }
  if (!work) throw new Error('an unfinished backup without its work');
  switch (step.do) {
    case 'accept':
      return accept(deps, backup);
    case 'begin':
      return begin(deps, backup, work);
    case 'archive':
      return archive(deps, backup, server, work);
    case 'recover':
      return recover(deps, backup, work);
    case 'conclude':
      await conclude(deps, backup, work, step.verdict);
      return 'again';
    case 'end':
      return end(deps, backup, work);
  }
}

async function accept(deps: BackupDeps, backup: Backup): Promise<Progress> {
  await record(deps, backup, (status) => {
    if (status.phase) return;
    enter(deps, status, 'Pending');
    status.progress = { percentage: 0, bytesWritten: 0, bytesTotal: 0 };
  });
  return 'again';
}

function archive(deps: BackupDeps, backup: Backup, server: Server | undefined, work: Work): Progress {
  if (!server) throw new Error('the server of a backup at work is gone');
  delete work.stopping;
  const { name } = backup.metadata;
  const traceparent = backup.metadata.annotations?.[traceparentAnnotation];
  const started = deps.jobs.start(name, attemptOf(backup), async (signal) => ({
    kind: 'create',
    facts: await inJobSpan({ name: 'backup', key: name }, traceparent, () =>
      archiveServer(deps, backup, server, work, signal),
    ),
  }));
  return started === 'full' ? after(waitMs) : undefined;
}

function attemptOf(backup: Backup): string {
  return operationOf(backup, backup.status?.attempt ?? 0);
}

function verify(deps: BackupDeps, backup: Backup, request: string): Progress {
  const { name } = backup.metadata;
  const place = verificationOf(backup, request);
  if (!deps.slots.take(place, () => deps.wake(name))) return after(waitMs);
  const started = deps.jobs.start(name, place, async (signal) => {
    try {
      await verifyArchive(deps, backup, signal);
      return { kind: 'verify' };
    } finally {
      deps.slots.release(place);
    }
  });
  if (started === 'full') deps.slots.release(place);
  return started === 'full' ? after(waitMs) : undefined;
}

/** Its end enqueues the key. */
function stopJob(deps: BackupDeps, backup: Backup, work: Work | undefined, outcome: OperationOutcome): Progress {
  if (work) work.stopping = outcome;
  void deps.jobs.cancel(backup.metadata.name, new Error(outcome.message));
  return undefined;
}
