// Reads a finished archive once when somebody asks for it, and records what came of it.
import { timestamp } from '../../src/clock/clock.ts';
import type { Backup } from '../../src/resources/backup.ts';
import { type BackupDeps, keyOf, tell } from './deps.ts';
import { failureOf, unforeseen } from './outcomes.ts';
import { record } from './status.ts';

/** An archive with more entries than this is taken for an attack. */
const maxEntries = 10_000_000;

/** Names one reading: its job, and its place among the work of the node. */
export function verificationOf({ metadata }: Backup, request = ''): string {
  return `${metadata.uid}/verify/${request}`;
}

/** Records the request. What has no archive has failed at once. */
export async function beginVerification(deps: BackupDeps, backup: Backup, request: string): Promise<void> {
  await record(deps, backup, (status) => {
    status.verification =
      status.phase === 'Completed'
        ? { request, result: 'Running' }
        : { request, result: 'Failed', message: 'It has no archive.', finishedAt: timestamp(deps.clock) };
  });
}

/** @throws ArchiveError, ObjectStoreError, the signal's reason */
export async function verifyArchive(deps: BackupDeps, backup: Backup, signal: AbortSignal): Promise<void> {
  const { archives, runner, config } = deps;
  const path = await archives.pathOf(keyOf(backup));
  const checksum = backup.status?.archive?.checksum;
  await runner.run(
    {
      kind: 'verify',
      // The runner says that there is none.
      archive: path ?? (await archives.place(keyOf(backup))).path,
      ...(checksum ? { checksum } : {}),
      readLimit: config.system.backups.writeLimit,
      limits: { contentBytes: 0, entries: maxEntries, reserveBytes: 0 },
    },
    { signal },
  );
}

export async function recordVerification(
  deps: BackupDeps,
  backup: Backup,
  request: string,
  error: unknown,
): Promise<void> {
  const now = timestamp(deps.clock);
  const failure = error === undefined ? undefined : (failureOf(error) ?? unforeseen);
  await record(deps, backup, (status) => {
    if (status.verification?.request !== request) return;
    status.verification = {
      request,
      result: failure ? 'Failed' : 'Passed',
      ...(failure ? { message: failure.message } : {}),
      finishedAt: now,
    };
    if (!failure && status.archive) status.archive.verifiedAt = now;
  });
  if (failure)
    tell(deps, backup, 'Warning', 'VerificationFailed', `The archive was read and is not whole: ${failure.message}`);
  else tell(deps, backup, 'Normal', 'Verified', 'The archive was read from end to end and is as it was made.');
}
