// The Backup object behind what a Panel calls a backup: by its uuid, and of one server alone.
import { sleep } from '../../clock/clock.ts';
import { type Backup, isFinishedBackup } from '../../resources/backup.ts';
import type { RouteDeps } from './route-deps.ts';

/** An archive is valid only with its own server. */
export interface ArchiveOf {
  server: string;
  backup: string;
}

/** How often, and how long, somebody who deletes looks whether it is done, ms. */
const lookEveryMs = 25;
const patienceMs = 5_000;

/** Those that the Panel made bear their uuid as name, and are known as soon as they are stored. */
export async function backupOf(
  { store, backups }: Pick<RouteDeps, 'store' | 'backups'>,
  { server, backup }: ArchiveOf,
): Promise<Backup | undefined> {
  const isIt = ({ spec }: Backup) => spec.uuid === backup && spec.serverRef.uuid === server;
  const named = await store.get<Backup>('Backup', backup);
  return named && isIt(named) ? named : backups.list().find(isIt);
}

/** Until the work on it has ended and its archive is gone, or for some seconds: what was recorded happens anyway. */
export async function untilGone(
  { store, archives, clock, closing }: Pick<RouteDeps, 'store' | 'archives' | 'clock' | 'closing'>,
  { metadata }: Backup,
  key: ArchiveOf,
): Promise<void> {
  for (let left = patienceMs; left > 0; left -= lookEveryMs) {
    const present = await store.get<Backup>('Backup', metadata.name);
    const isAtWork = present?.metadata.uid === metadata.uid && !isFinishedBackup(present);
    if (!isAtWork && (await archives.stat(key)) === undefined) return;
    await sleep(clock, lookEveryMs, closing).catch(() => {});
    if (closing.aborted) return;
  }
}
