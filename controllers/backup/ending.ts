// The end of a backup, in the one order that leaves nobody with half of it: the outcome is durable, whoever is owed a
// report was told or 30 s passed, the server is free, one write makes the end final, and in the same tick everybody who
// watches hears of it. A crash before that write only means that the next daemon does the rest: one end for each backup.

import type { ArchiveFacts } from '../../src/archive/plan.ts';
import { timestamp } from '../../src/clock/clock.ts';
import type { Backup, BackupArchive } from '../../src/resources/backup.ts';
import { releaseClaim } from '../../src/runtime/claims.ts';
import { addFinalizer } from '../../src/runtime/finalizers.ts';
import { asSentence, endPhases, type OperationOutcome } from '../../src/runtime/operation-status.ts';
import { holdMs, owedFinalizer } from '../../src/runtime/outbox.ts';
import { after, type Outcome } from '../../src/runtime/reconciler.ts';
import { type BackupDeps, isOperationOf, keyOf, tell, type Verdict, type Work } from './deps.ts';
import { enter, record } from './status.ts';

/** Of one archive; more would drown the rest of the story. */
const mostWarnings = 8;

/** Makes the outcome durable, after what an unsuccessful try left on disk is gone. */
export async function conclude(deps: BackupDeps, backup: Backup, work: Work, verdict: Verdict): Promise<void> {
  const { outcome } = verdict;
  if (outcome.result !== 'Completed') await discard(deps, backup);
  await deps.checkpoint('backup:work-ended');
  const owed = deps.owedAtEnd(backup, outcome);
  if (owed.length > 0) await addFinalizer(deps.store, backup, owedFinalizer);
  const facts = outcome.result === 'Completed' ? verdict.facts : undefined;
  await record(deps, backup, (status) => {
    enter(deps, status, 'Finalizing');
    status.outcome = outcome;
    if (facts) status.archive = archiveOf(facts, timestamp(deps.clock));
    if (owed.length > 0) status.owed = [...(status.owed ?? []), ...owed];
    status.progress = { ...work.meter.values };
  });
  deps.slots.release(backup.metadata.uid);
  for (const warning of facts?.warnings.slice(0, mostWarnings) ?? []) {
    tell(deps, backup, 'Warning', 'ArchiveWarning', asSentence(warning));
  }
  if (backup.status?.startedAt) work.meter.phase('finalize');
  await deps.checkpoint('backup:outcome-recorded');
}

export async function end(deps: BackupDeps, backup: Backup, work: Work): Promise<Outcome | 'again'> {
  const { status, spec, metadata } = backup;
  const hold = holdMs(status?.owed, deps.clock.now());
  if (hold > 0) return after(hold);
  const outcome = status?.outcome ?? {
    result: 'Failed',
    reason: 'InternalError',
    message: 'Its outcome is not known.',
  };
  await releaseClaim(deps.store, spec.serverRef.name, metadata.uid);
  await deps.checkpoint('backup:claim-released');
  const { bytesWritten, bytesTotal } = work.meter.values;
  const percentage = outcome.result === 'Completed' ? 100 : -1;
  await record(deps, backup, (draft, { metadata: { generation } }) => {
    const now = timestamp(deps.clock);
    draft.phase = outcome.result;
    draft.completedAt = now;
    draft.progress = { percentage, bytesWritten, bytesTotal };
    endPhases(draft, outcome, generation, now);
  });
  // From here to the end of the function nothing is awaited.
  publishEnd(deps, backup, work, outcome);
  return 'again';
}

/** The last progress, the completion, and the Event: once for each backup that was accepted. */
export function publishEnd(deps: BackupDeps, backup: Backup, work: Work, outcome: OperationOutcome): void {
  const { status, metadata } = backup;
  const successful = outcome.result === 'Completed';
  deps.works.delete(metadata.name);
  work.meter.finish(successful ? 100 : -1);
  const { server, backup: backupId } = keyOf(backup);
  const archive = successful ? status?.archive : undefined;
  deps.bus.publish(server, 'completion', {
    ...{ operation: metadata.uid, type: 'create', backupId, adapter: backup.spec.adapter, successful },
    error: successful ? null : outcome.message,
    checksum: archive?.checksum ?? '',
    size: archive?.size ?? 0,
  });
  const seconds = status?.startedAt ? (deps.clock.now() - Date.parse(status.startedAt)) / 1000 : undefined;
  deps.metrics.ended(outcome.result, {
    ...(seconds === undefined ? {} : { seconds: Math.max(0, seconds) }),
    ...(archive ? { size: archive.size, contentBytes: archive.contentBytes ?? 0 } : {}),
  });
  tell(deps, backup, outcome.result === 'Failed' ? 'Warning' : 'Normal', outcome.reason, sentence(outcome, archive));
  deps.log.info({ backup: metadata.name, ...outcome }, 'a backup has ended');
}

/**
 * Removes what this backup has on disk. A disk that refuses keeps nobody from hearing the end: what stays is a partial
 * file, which the next start of the daemon removes, or an archive that is counted as a stranger.
 */
async function discard({ archives, log }: BackupDeps, backup: Backup): Promise<void> {
  try {
    await archives.removePartials(keyOf(backup));
    await removeOwnArchive({ archives }, backup);
  } catch (error) {
    log.warn({ err: error, backup: backup.metadata.name }, 'what a backup left on disk could not be removed');
  }
}

/** Leaves an archive alone that somebody else made under this uuid. */
export async function removeOwnArchive({ archives }: Pick<BackupDeps, 'archives'>, backup: Backup): Promise<void> {
  const key = keyOf(backup);
  const operation = (await archives.sidecar(key))?.operation;
  if (operation !== undefined && isOperationOf(backup, operation)) await archives.delete(key);
}

function archiveOf(facts: ArchiveFacts, now: string): BackupArchive {
  const { size, checksum, format, entries, contentBytes, changed, skipped, verified } = facts;
  const archive: BackupArchive = {
    size,
    checksum,
    checksumType: 'sha1',
    format,
    entries,
    contentBytes,
    changed,
    skipped,
  };
  return verified ? { ...archive, verifiedAt: now } : archive;
}

function sentence({ message }: OperationOutcome, archive: BackupArchive | undefined): string {
  if (!archive) return message;
  const { entries = 0, size, changed = 0 } = archive;
  const remark = changed > 0 ? ` ${changed} of them shrank while they were read.` : '';
  return `${message} ${entries} ${entries === 1 ? 'file' : 'files'}, ${size} bytes.${remark}`;
}
