// The long part of an installation, as a job: the directory of the server, script and image, the container, and the wait
// for its end by Docker's word. It can be started again at any moment: an installer of this installation that has begun is
// taken over, never run twice.
import { type Clock, sleep } from '../../src/clock/clock.ts';
import { installationLabel, installerName, installerType } from '../../src/containers/container-labels.ts';
import { credentialsFor } from '../../src/containers/registry-credentials.ts';
import { type ContainerInfo, DockerUnreachableError } from '../../src/docker/engine.ts';
import type { InstallScript } from '../../src/panel/panel-api.ts';
import type { Installation } from '../../src/resources/installation.ts';
import type { Server } from '../../src/resources/server.ts';
import { installLogPath } from '../../src/volumes/install-places.ts';
import { hasNoProcess, isSkipped } from './decision.ts';
import { type InstallationDeps, type Installed, serverOf, serverUuidOf, tell } from './deps.ts';
import { InstallError } from './failures.ts';
import { InstallLog } from './install-log.ts';
import { installerBody } from './installer-body.ts';
import { InstallOutput } from './output.ts';
import { enter, record } from './record.ts';
import { writeScript } from './script-directory.ts';

/** What of the output has not come so long after the end does not come any more, ms. */
const lastOutputMs = 10_000;

/** Whoever removes a running container kills it first: so long later one that was only killed is still there, ms. */
const killedCode = 137;
const removalMs = 1_000;

/** @throws InstallError and the like, DockerUnreachableError to be begun again, the signal's reason */
export async function install(
  deps: InstallationDeps,
  installation: Installation,
  signal: AbortSignal,
): Promise<Installed> {
  const present = await installerOf(deps, installation, signal);
  const own = present && isOwn(installation, present) ? present : undefined;
  if (own && own.startedAt !== '') return takeOver(deps, installation, own, signal);
  if (installation.status?.phase === 'Running' || installation.spec.adoptContainerId !== undefined) {
    throw new InstallError('the installer was removed before it had ended', { reason: 'InstallerRemoved' });
  }
  const server = await prepare(deps, installation, signal);
  if (isSkipped(installation, server)) return { end: 'skipped' };
  if (!hasNoProcess(installation, server)) return { end: 'not-stopped' };
  if (present) await deps.docker.removeContainer(present.id, { force: true });
  return run(deps, installation, signal);
}

/** The container by the name of the server's installer. @throws InstallError NameTaken */
export async function installerOf(
  { docker }: Pick<InstallationDeps, 'docker'>,
  installation: Installation,
  signal?: AbortSignal,
): Promise<ContainerInfo | undefined> {
  const name = installerName(serverUuidOf(installation));
  const container = await docker.inspectContainer(name, signal);
  if (!container || container.labels['ContainerType'] === installerType.ContainerType) return container;
  throw new InstallError(`a container that is no installer has the name ${name}`, { reason: 'NameTaken' });
}

function isOwn({ metadata, spec }: Installation, { id, labels }: ContainerInfo): boolean {
  return labels[installationLabel] === metadata.uid || id === spec.adoptContainerId;
}

/** The server as its Panel wants it now, with a directory: a server without a script has files too. */
async function prepare(deps: InstallationDeps, installation: Installation, signal: AbortSignal): Promise<Server> {
  const { scripts, volumes } = deps;
  const { script, skip } = installation.spec;
  const uuid = serverUuidOf(installation);
  await volumes.ensure(uuid);
  if (scripts && !script && !skip) await asked(deps, installation, signal, () => scripts.refresh(uuid, signal));
  return presentServer(deps, installation);
}

async function run(deps: InstallationDeps, installation: Installation, signal: AbortSignal): Promise<Installed> {
  const { docker, networks, host } = deps;
  const script = await scriptOf(deps, installation, signal);
  const server = await presentServer(deps, installation);
  const uuid = serverUuidOf(installation);
  await ensureImage(deps, { installation, server, image: script.image }, signal);
  await networks.ensureNode();
  const scriptDirectory = await writeScript(deps.config.system.tmpDirectory, uuid, script.script);
  await deps.checkpoint('install:script-written');
  const config = networks.effectiveConfig;
  const { image, entrypoint } = script;
  const body = installerBody({
    ...{ server, uuid, config, host, image, entrypoint, scriptDirectory },
    installation: installation.metadata.uid,
  });
  signal.throwIfAborted();
  const { id } = await docker.createContainer(installerName(uuid), body);
  const log = await openLog(deps, installation, async () => {
    const { kernel } = await docker.info();
    const facts = { flavour: config.flavour, uuid, image: body.Image, entrypoint, kernel, env: body.Env };
    return InstallLog.begin(installLogPath(config.system, uuid), facts);
  });
  try {
    await deps.checkpoint('install:created');
    await docker.startContainer(id, signal);
    await deps.checkpoint('install:started');
    await recordRunning(deps, installation, id);
    deps.bus.publish(uuid, 'install', { step: 'running' });
    tell(deps, installation, 'Normal', 'Running', `The script runs in the image ${body.Image}.`);
    return await finish(deps, installation, id, log, signal);
  } finally {
    await log?.close();
  }
}

async function takeOver(
  deps: InstallationDeps,
  installation: Installation,
  container: ContainerInfo,
  signal: AbortSignal,
): Promise<Installed> {
  const { docker, config } = deps;
  const uuid = serverUuidOf(installation);
  const path = installLogPath(config.system, uuid);
  // Wings writes the file at the end: what is there when an installer of its is first seen is of an earlier one.
  const isFirstLook = installation.spec.adoptContainerId !== undefined && !installation.status?.containerId;
  const log = await openLog(deps, installation, async () => {
    const present = isFirstLook ? undefined : await InstallLog.resume(path);
    if (present) return present;
    const { image, command, env } = container;
    const { kernel } = await docker.info();
    return InstallLog.begin(path, { flavour: config.flavour, uuid, image, entrypoint: command[0] ?? '', kernel, env });
  });
  try {
    await recordRunning(deps, installation, container.id);
    tell(deps, installation, 'Normal', 'TakenOver', 'The script was begun before this daemon; it runs on.');
    return await finish(deps, installation, container.id, log, signal);
  } finally {
    await log?.close();
  }
}

/** Follows the output until the container has ended. */
async function finish(
  deps: InstallationDeps,
  installation: Installation,
  id: string,
  log: InstallLog | undefined,
  signal: AbortSignal,
): Promise<Installed> {
  const container = await inspected(deps, id, signal);
  using limit = new Deadline(deps.clock, deadlineOf(deps, container));
  const limited = AbortSignal.any([signal, limit.signal]);
  const following = new AbortController();
  const output = new InstallOutput(deps, { installation, container, log });
  const followed = output.follow(AbortSignal.any([limited, following.signal]));
  try {
    const ended = await untilEnded(deps, container, limited);
    const cancelWait = deps.clock.after(lastOutputMs, () => following.abort(new Error('the installer has ended')));
    await followed;
    cancelWait();
    if (ended.exitCode === killedCode) await sleep(deps.clock, removalMs, limited);
    await inspected(deps, id, limited);
    await deps.checkpoint('install:exited');
    return { end: 'exited', exitCode: ended.exitCode };
  } finally {
    following.abort(new Error('the installer is not followed any more'));
    await followed;
  }
}

async function untilEnded(
  { docker }: InstallationDeps,
  seen: ContainerInfo,
  signal: AbortSignal,
): Promise<ContainerInfo> {
  for (let container = seen; ; container = await inspected({ docker }, container.id, signal)) {
    if (!container.running) return container;
    const { exit } = await docker.openExitWait(container.id, signal);
    // It may have ended before the wait was there.
    if (!(await docker.inspectContainer(container.id, signal))?.running) continue;
    await exit;
  }
}

/** @throws InstallError InstallerRemoved */
async function inspected(
  { docker }: Pick<InstallationDeps, 'docker'>,
  id: string,
  signal: AbortSignal,
): Promise<ContainerInfo> {
  const container = await docker.inspectContainer(id, signal);
  if (!container)
    throw new InstallError('the installer was removed before it had ended', { reason: 'InstallerRemoved' });
  return container;
}

/** ms from now; from the start of the container, so that a restart of the daemon gives no more time. */
function deadlineOf(
  { clock, config }: InstallationDeps,
  { startedAt }: ContainerInfo,
): { ms: number; seconds: number } {
  const seconds = config.aileron.installTimeoutSeconds;
  const elapsed = clock.now() - Date.parse(startedAt);
  // A wall clock that was turned back gives no more than all of it.
  return { ms: Math.max(0, seconds * 1000 - Math.max(0, elapsed || 0)), seconds };
}

class Deadline {
  readonly #abort = new AbortController();
  readonly #cancel: () => void;

  constructor(clock: Clock, { ms, seconds }: { ms: number; seconds: number }) {
    const late = new InstallError(`the script did not end within the ${seconds} s that this node allows`, {
      reason: 'Timeout',
    });
    this.#cancel = clock.after(ms, () => this.#abort.abort(late));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }
}

async function scriptOf(
  deps: InstallationDeps,
  installation: Installation,
  signal: AbortSignal,
): Promise<InstallScript> {
  const { script } = installation.spec;
  const { scripts } = deps;
  if (script) return script;
  if (!scripts)
    throw new InstallError('there is no script, and no Panel to ask for one', { reason: 'ScriptUnavailable' });
  return asked(deps, installation, signal, () => scripts.fetch(serverUuidOf(installation), signal));
}

/** What the Panel says no to, or nothing, is the end of an installation. @throws InstallError ScriptUnavailable */
async function asked<T>(
  { log }: InstallationDeps,
  installation: Installation,
  signal: AbortSignal,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ err: error, installation: installation.metadata.name }, 'the script could not be fetched');
    const why = error instanceof Error ? error.message : String(error);
    throw new InstallError(`the Panel gave no script: ${why}`, { reason: 'ScriptUnavailable', cause: error });
  }
}

async function presentServer(deps: InstallationDeps, installation: Installation): Promise<Server> {
  const server = await serverOf(deps, installation);
  if (!server) throw new Error('the server of an installation at work is gone');
  return server;
}

async function ensureImage(
  deps: InstallationDeps,
  { installation, server, image }: { installation: Installation; server: Server; image: string },
  signal: AbortSignal,
): Promise<void> {
  const { reference, pulled, fallback } = await deps.images.ensureImage({
    image,
    policy: server.spec.imagePullPolicy,
    credentials: credentialsFor(image, deps.config.docker.registries),
    onLine: () => {},
    onProgress: (text) => deps.bus.publish(serverUuidOf(installation), 'pull', { text }),
    signal,
  });
  if (pulled) tell(deps, installation, 'Normal', 'Pulled', `Pulled image ${reference}.`);
  if (!fallback) return;
  const message = `Image ${reference} could not be pulled; the copy on this node is used.`;
  tell(deps, installation, 'Warning', 'PullFailed', message);
}

/** An installation does not fail for want of its log. */
async function openLog(
  deps: InstallationDeps,
  installation: Installation,
  open: () => Promise<InstallLog>,
): Promise<InstallLog | undefined> {
  try {
    return await open();
  } catch (error) {
    if (error instanceof DockerUnreachableError) throw error;
    deps.log.warn(
      { err: error, installation: installation.metadata.name },
      'the log of an installer cannot be written',
    );
    tell(deps, installation, 'Warning', 'LogIncomplete', 'The output could not be written to its file.');
    return undefined;
  }
}

async function recordRunning(deps: InstallationDeps, installation: Installation, containerId: string): Promise<void> {
  await record(deps, installation, (status) => {
    if (status.phase === 'Preparing') enter(deps, status, 'Running');
    status.containerId = containerId;
    status.logFile = `install/${serverUuidOf(installation)}.log`;
  });
  await deps.checkpoint('install:running-recorded');
}
