// The Backup object behind what a Panel calls a backup: by its uuid, and of one server alone.
import { sleep } from '../../clock/clock.ts';
import { type Backup, isFinishedBackup } from '../../resources/backup.ts';
import type { RouteDeps } from './route-deps.ts';

/** An archive is valid only with its own server. */
export interface ArchiveOf {
  server: string;
  backup: string;
}

/** How often, and how long, somebody who waits looks whether it is done, ms. */
const lookEveryMs = 25;
const patienceMs = 5_000;

type Waiting = Pick<RouteDeps, 'store' | 'clock' | 'closing'>;

/** Those that the Panel made bear their uuid as name, and are known as soon as they are stored. */
export async function backupOf(
  { store, backups }: Pick<RouteDeps, 'store' | 'backups'>,
  { server, backup }: ArchiveOf,
): Promise<Backup | undefined> {
  const isIt = ({ spec }: Backup) => spec.uuid === backup && spec.serverRef.uuid === server;
  const named = await store.get<Backup>('Backup', backup);
  return named && isIt(named) ? named : backups.list().find(isIt);
}

/** As it is when its work has ended, or after some seconds. */
export async function untilFinished(deps: Waiting, backup: Backup): Promise<Backup> {
  let present = backup;
  for (let left = patienceMs; left > 0 && !isFinishedBackup(present) && !deps.closing.aborted; left -= lookEveryMs) {
    await pause(deps);
    present = (await deps.store.get<Backup>('Backup', backup.metadata.name)) ?? present;
  }
  return present;
}

/** Until the work on it has ended and its archive is gone, or for some seconds: what was recorded happens anyway. */
export async function untilGone(
  deps: Waiting & Pick<RouteDeps, 'archives'>,
  { metadata }: Backup,
  key: ArchiveOf,
): Promise<void> {
  const { store, archives, closing } = deps;
  for (let left = patienceMs; left > 0; left -= lookEveryMs) {
    const present = await store.get<Backup>('Backup', metadata.name);
    const isAtWork = present?.metadata.uid === metadata.uid && !isFinishedBackup(present);
    if (!isAtWork && (await archives.stat(key)) === undefined) return;
    if (closing.aborted) return;
    await pause(deps);
  }
}

/** Ended early when the node stops, which whoever waits looks at. */
function pause({ clock, closing }: Waiting): Promise<void> {
  return sleep(clock, lookEveryMs, closing).catch(() => {});
}
