// Brings a deleted server to an end: process, containers, and what its reclaim policy gives up. Each step may find its
// work done already. The finalizer goes last, so a crash anywhere only repeats.
import { rm } from 'node:fs/promises';
import { sleep, timestamp } from '../../src/clock/clock.ts';
import { installerName, installerType } from '../../src/containers/container-labels.ts';
import { irrevocableStep, isFinishedRestore, type Restore } from '../../src/resources/restore.ts';
import type { Server, ServerOperation } from '../../src/resources/server.ts';
import { serverFinalizer } from '../../src/resources/server.ts';
import { seizeClaim, takeClaim } from '../../src/runtime/claims.ts';
import { installLogPath, installScriptPath } from '../../src/volumes/install-places.ts';
import { type ServerDeps, tell, uuidOf } from './deps.ts';
import { observe } from './observe.ts';
import { killProcess, stopProcess } from './stop.ts';

/** How long backups and restores, which end themselves when their server is deleted, may take for it, ms. */
const claimPatienceMs = 10_000;
const claimPollMs = 200;
/** For files that stay it takes as long as it takes. */
const filesPollMs = 1_000;

/** With `reclaimPolicy: Retain` somebody wants the data, so the process may save it first; `Delete` does not wait. */
export async function removeServer(deps: ServerDeps, server: Server, signal: AbortSignal): Promise<void> {
  const uuid = uuidOf(server);
  await takeServer(deps, server, signal);
  await deps.checkpoint('delete:claimed');
  await endProcess(deps, server, signal);
  await deps.checkpoint('delete:stopped');
  await removeContainers(deps, server, signal);
  await deps.checkpoint('delete:container-removed');
  await deps.networks.releaseFor(server);
  await deps.volumes.removeMachineId(uuid);
  if (server.spec.reclaimPolicy === 'Delete') {
    await deps.volumes.remove(uuid, signal);
    await deps.volumes.removeStaging(uuid, signal);
  }
  await deps.checkpoint('delete:volume-removed');
  if (server.spec.reclaimPolicy === 'Delete') await removeInstallFiles(deps.config, uuid);
  if (server.spec.reclaimPolicy === 'Delete' && deps.config.system.backups.removeBackupsOnServerDelete) {
    await deps.removeBackups(uuid, signal);
    await deps.checkpoint('delete:backups-removed');
  }
  forget(deps, uuid);
  const kept = server.spec.reclaimPolicy === 'Retain' ? ' Its files stay on the node.' : '';
  tell(deps, server, 'Normal', 'Deleted', `The server was removed from the node.${kept}`);
  await removeFinalizer(deps, server);
}

/**
 * From here on no backup and no restore begins. One that does not end in time is left to itself, but for a restore that is
 * replacing files which stay: a server declared again over them would start on half of each.
 */
async function takeServer(deps: ServerDeps, server: Server, signal: AbortSignal): Promise<void> {
  const { clock } = deps;
  const { name, uid } = server.metadata;
  const claimant = { kind: 'Server', name, uid } as const;
  const deadline = clock.monotonic() + claimPatienceMs;
  for (let told = false; ; ) {
    const answer = await takeClaim(deps, name, claimant);
    const restore = server.spec.reclaimPolicy === 'Retain' ? await replacing(deps, uuidOf(server)) : undefined;
    const left = deadline - clock.monotonic();
    if (!restore && (answer.taken || answer.holder === undefined)) return;
    if (!restore && left <= 0) return seizeClaim(deps, name, claimant);
    if (restore && left <= 0 && !told) {
      told = true;
      const what = `The restore "${restore.metadata.name}" is replacing the files of the server, which are to stay.`;
      tell(deps, server, 'Normal', 'WaitingForRestore', `${what} The server is removed when it has ended.`);
    }
    await sleep(clock, left > 0 ? Math.min(claimPollMs, left) : filesPollMs, signal);
  }
}

/** The restore that has the files of the server neither old nor new at this moment. */
async function replacing({ store }: ServerDeps, uuid: string): Promise<Restore | undefined> {
  const { items } = await store.list<Restore>('Restore');
  const open = items.filter((restore) => !isFinishedRestore(restore) && irrevocableStep(restore) !== undefined);
  return open.find(({ spec }) => spec.serverRef.uuid === uuid);
}

async function endProcess(deps: ServerDeps, server: Server, signal: AbortSignal): Promise<void> {
  const atOnce = server.spec.reclaimPolicy === 'Delete';
  const { state } = await observe(deps, server, signal);
  if (state !== 'running') return;
  const operation: ServerOperation = {
    action: atOnce ? 'kill' : 'stop',
    cause: 'Deletion',
    startedAt: timestamp(deps.clock),
  };
  await (atOnce ? killProcess : stopProcess)(deps, server, operation, signal);
}

async function removeContainers(deps: ServerDeps, server: Server, signal: AbortSignal): Promise<void> {
  const { state, container } = await observe(deps, server, signal);
  if (container && state !== 'foreign') await deps.docker.removeContainer(container.id, { force: true });
  const installer = await deps.docker.inspectContainer(installerName(uuidOf(server)), signal);
  if (installer?.labels['ContainerType'] === installerType.ContainerType)
    await deps.docker.removeContainer(installer.id, { force: true });
}

/** The log of the last installation, and what a Wings that was stopped in one may have left. */
async function removeInstallFiles({ system }: ServerDeps['config'], uuid: string): Promise<void> {
  await rm(installLogPath(system, uuid), { force: true });
  await rm(installScriptPath(system, uuid), { recursive: true, force: true });
}

function forget(deps: ServerDeps, uuid: string): void {
  deps.sessions.close(uuid);
  deps.history.forget(uuid);
  deps.disk.forget(uuid);
  deps.sentUpdates.delete(uuid);
}

/** Others may change the object meanwhile, so the list is read anew until the write fits. */
async function removeFinalizer(deps: ServerDeps, { metadata: { name, uid } }: Server): Promise<void> {
  const present = (await deps.store.get<Server>('Server', name))?.metadata;
  // Another object may bear the name by now: its finalizer is its own.
  if (present?.uid !== uid || !present.finalizers?.includes(serverFinalizer)) return;
  const finalizers = present.finalizers.filter((finalizer) => finalizer !== serverFinalizer);
  await deps.store.patch('Server', name, { metadata: { resourceVersion: present.resourceVersion, finalizers } });
}
