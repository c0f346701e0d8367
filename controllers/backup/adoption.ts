// A Backup for an archive that is there already, because Wings made it or its object was lost: one look, one write. No work is
// done, so nobody who watches hears of any, and nobody is owed a report: whoever had it made was told then.
import { timestamp } from '../../src/clock/clock.ts';
import type { Backup } from '../../src/resources/backup.ts';
import { endPhases } from '../../src/runtime/operation-status.ts';
import { type BackupDeps, keyOf, tell } from './deps.ts';
import { adopted, nothingToAdopt } from './outcomes.ts';
import { record } from './status.ts';

/** @throws ObjectStoreError while nobody can say whether there is one */
export async function adopt(deps: BackupDeps, backup: Backup): Promise<void> {
  const stored = await deps.archives.stat(keyOf(backup));
  const outcome = stored ? adopted : nothingToAdopt;
  await record(deps, backup, (status, { metadata: { generation } }) => {
    if (status.phase) return;
    const now = timestamp(deps.clock);
    status.phase = outcome.result;
    status.outcome = outcome;
    status.completedAt = now;
    endPhases(status, outcome, generation, now);
  });
  tell(deps, backup, stored ? 'Normal' : 'Warning', outcome.reason, outcome.message);
}
