// How an installation ends, always in this order: the outcome and what is owed because of it are in the store, container and
// script are gone, whoever is owed a report was told or has had its time, the server is free and perhaps started, one last
// write says that it is over, and in the same turn those who watch hear of it. The phase before that write is what makes the
// next daemon do it after a crash: exactly one end.
import { timestamp } from '../../src/clock/clock.ts';
import { publicReason } from '../../src/containers/public-reason.ts';
import type { Installation } from '../../src/resources/installation.ts';
import type { Server } from '../../src/resources/server.ts';
import { releaseClaim } from '../../src/runtime/claims.ts';
import { addFinalizer } from '../../src/runtime/finalizers.ts';
import { endPhases, type OperationOutcome } from '../../src/runtime/operation-status.ts';
import { holdMs, owedFinalizer } from '../../src/runtime/outbox.ts';
import { after, type Outcome } from '../../src/runtime/reconciler.ts';
import { ConflictError, NotFoundError, StoreClosedError, StoreUnavailableError } from '../../src/store/errors.ts';
import { installLogPath } from '../../src/volumes/install-places.ts';
import { type InstallationDeps, serverOf, serverUuidOf, tell, type Verdict } from './deps.ts';
import { InstallError } from './failures.ts';
import { installerOf } from './install-job.ts';
import { InstallLog } from './install-log.ts';
import { enter, record, tellServer } from './record.ts';
import { removeScript } from './script-directory.ts';

/** Makes the outcome durable. */
export async function conclude(deps: InstallationDeps, installation: Installation, verdict: Verdict): Promise<void> {
  const { outcome, exitCode } = verdict;
  const owed = deps.owedAtEnd(installation, outcome);
  if (owed.length > 0) await addFinalizer(deps.store, installation, owedFinalizer);
  await record(deps, installation, (status) => {
    enter(deps, status, 'Finalizing');
    status.outcome = outcome;
    if (exitCode !== undefined) status.exitCode = exitCode;
    if (owed.length > 0) status.owed = [...(status.owed ?? []), ...owed];
  });
  await deps.checkpoint('install:outcome-recorded');
}

export async function end(deps: InstallationDeps, installation: Installation): Promise<Outcome | 'again'> {
  const { status, metadata, spec } = installation;
  const outcome: OperationOutcome = status?.outcome ?? {
    ...{ result: 'Failed', reason: 'InternalError', message: 'Its outcome is not known.' },
  };
  await cleanUp(deps, installation);
  await deps.checkpoint('install:cleaned');
  const hold = holdMs(status?.owed, deps.clock.now());
  if (hold > 0) return after(hold);
  await tellServer(deps, installation, outcome);
  await releaseClaim(deps.store, spec.serverRef.name, metadata.uid);
  await deps.checkpoint('install:released');
  if (outcome.result === 'Completed' && spec.startOnCompletion) await startServer(deps, installation);
  await deps.checkpoint('install:start-requested');
  const ended = await record(deps, installation, (draft, { metadata: { generation } }) => {
    const now = timestamp(deps.clock);
    draft.phase = outcome.result;
    draft.completedAt = now;
    endPhases(draft, outcome, generation, now);
  });
  if (ended) publishEnd(deps, installation, outcome);
  return 'again';
}

/** Nothing is awaited in here: who sees one of these sees all. Once for each installation. */
export function publishEnd(deps: InstallationDeps, installation: Installation, outcome: OperationOutcome): void {
  const { metadata, status } = installation;
  const { result, reason, message } = outcome;
  deps.works.delete(metadata.name);
  deps.bus.publish(serverUuidOf(installation), 'install', { step: 'completed', successful: result === 'Completed' });
  const seconds = status?.startedAt ? (deps.clock.now() - Date.parse(status.startedAt)) / 1000 : undefined;
  deps.metrics.ended(result, seconds === undefined ? undefined : Math.max(0, seconds));
  tell(deps, installation, result === 'Failed' ? 'Warning' : 'Normal', reason, message);
  deps.log.info({ installation: metadata.name, ...outcome }, 'an installation has ended');
}

/** May be repeated. The container first: what runs in it still writes. */
async function cleanUp(deps: InstallationDeps, installation: Installation): Promise<void> {
  const { system } = deps.config;
  const uuid = serverUuidOf(installation);
  const container = await presentInstaller(deps, installation);
  if (container) await deps.docker.removeContainer(container.id, { force: true });
  await removeScript(system.tmpDirectory, uuid);
  const { exitCode } = installation.status ?? {};
  if (exitCode === undefined) return;
  try {
    await using file = await closing(InstallLog.resume(installLogPath(system, uuid)));
    await file.log?.end(exitCode);
  } catch (error) {
    deps.log.warn({ err: error, installation: installation.metadata.name }, 'the log of an installer was not finished');
  }
}

async function closing(opening: Promise<InstallLog | undefined>) {
  const log = await opening;
  return { log, [Symbol.asyncDispose]: async () => log?.close() };
}

/** What has the name and is no installer is somebody else's. */
async function presentInstaller(deps: InstallationDeps, installation: Installation) {
  try {
    return await installerOf(deps, installation);
  } catch (error) {
    if (error instanceof InstallError) return undefined;
    throw error;
  }
}

/** Whoever asked for something else since the installation began has decided: a crash here starts nothing twice. */
async function startServer(deps: InstallationDeps, installation: Installation): Promise<void> {
  const { metadata, spec, status } = installation;
  const server = await serverOf(deps, installation);
  const { request } = server?.spec.power ?? {};
  if (!server || server.metadata.deletionTimestamp || isSince(request?.at, status?.startedAt)) return;
  const by = `installation/${metadata.name}`;
  const owner = { kind: 'User', ref: by } as const;
  const patch = { spec: { power: { request: { action: 'start' } } } };
  try {
    await deps.admission.patch('Server', spec.serverRef.name, patch, {
      ...{ by, owner, dryRun: false, fieldValidation: 'Strict' },
      warn: () => {},
    });
  } catch (error) {
    if (error instanceof NotFoundError) return;
    if (isPassing(error)) throw error;
    deps.log.warn({ err: error, installation: metadata.name }, 'a server was not started after its installation');
    const reason = publicReason(error, deps.config);
    tell(deps, installation, 'Warning', 'NotStarted', `The server was not started afterwards: ${reason}.`);
  }
}

/** Another try may succeed. A refusal stays one: then the installation comes to its end without the start. */
function isPassing(error: unknown): boolean {
  return [StoreUnavailableError, StoreClosedError, ConflictError].some((kind) => error instanceof kind);
}

function isSince(at: NonNullable<Server['spec']['power']['request']>['at'], begin: string | undefined): boolean {
  return at !== undefined && begin !== undefined && Date.parse(at) > Date.parse(begin);
}
