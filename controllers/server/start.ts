// Starts a server's process: checks, prepares, makes the container anew and starts it. Runs as a job; every step may be
// repeated from the top after a crash, and each looks at the signal, so that a kill or a deletion ends it at once.

import { credentialsFor } from '../../src/containers/registry-credentials.ts';
import { type ContainerBody, type ContainerInfo, DockerUnreachableError, type Mount } from '../../src/docker/engine.ts';
import { installingText } from '../../src/resources/power.ts';
import type { Server, ServerOperation } from '../../src/resources/server.ts';
import { containerBody } from './container-body.ts';
import { type ServerDeps, say, tell, uuidOf } from './deps.ts';
import { updateGameFiles } from './game-files.ts';
import { installerOf } from './installer.ts';
import { allowedMounts, swappedSources } from './mounts.ts';
import { newestOf } from './newest.ts';
import { observe } from './observe.ts';
import { StartError } from './start-error.ts';
import { takeOver } from './take-over.ts';

const bytesPerMiB = 1_048_576;

/** Attach and start together, as Wings bounds them. */
const launchTimeoutMs = 30_000;

/** Resolves when the process started, which is not yet "running": that is for a done line to say. */
export async function startProcess(
  deps: ServerDeps,
  known: Server,
  operation: ServerOperation,
  signal: AbortSignal,
): Promise<void> {
  const { container, state, remark } = await observe(deps, known, signal);
  if (state === 'foreign')
    throw new StartError(`a container with the name of this server is on the node and is not touched: ${remark}`);
  if (state === 'running' && container) return takeOver(deps, known, container, remark);
  if ((await installerOf(deps, uuidOf(known), signal))?.running) throw new StartError(installingText);

  const server = await newestOf(deps, known, operation, signal);
  await deps.places.take(known.metadata.name, signal);
  await deps.checkpoint('start:synced');
  const machineIdPath = await prepare(deps, server, signal);
  await deps.checkpoint('start:prepared');
  const { name } = server.metadata;
  await deps.states.move(name, 'starting', operation.cause, {
    change: (status) => {
      if (operation.cause === 'Request') status.crashCount = 0;
      delete status.restartAt;
      delete status.containerId;
    },
  });
  await deps.checkpoint('start:starting');
  await ensureImage(deps, server, signal);
  await deps.checkpoint('start:pulled');
  const { body, mounts } = await wantedContainer(deps, server, machineIdPath);
  signal.throwIfAborted();
  if (container) await deps.docker.removeContainer(container.id, { force: false });
  await deps.checkpoint('start:removed');
  signal.throwIfAborted();
  const { id, warnings } = await deps.docker.createContainer(uuidOf(server), body);
  for (const warning of warnings)
    deps.log.warn({ server: uuidOf(server), warning }, 'Docker warned while creating a container');
  await deps.checkpoint('start:created');
  signal.throwIfAborted();
  const started = await launchInTime(deps, server, id, mounts, signal);
  await deps.checkpoint('start:started');
  await deps.states.record(name, (status) => {
    status.containerId = id;
    status.startedAt = started.startedAt;
  });
  tell(deps, server, 'Normal', 'Started', `Started container ${id.slice(0, 12)} from image ${server.spec.image}.`);
}

/** Everything that may refuse the start while the old container is still there to look at. Answers the machine id's file. */
async function prepare(deps: ServerDeps, server: Server, signal: AbortSignal): Promise<string | undefined> {
  const uuid = uuidOf(server);
  await deps.volumes.ensure(uuid);
  await checkDisk(deps, server, signal);
  await updateGameFiles(deps, server, signal);
  if (deps.config.system.checkPermissionsOnBoot) {
    say(deps, server, 'Ensuring file permissions are set correctly, this could take a few seconds...');
    const { left } = await deps.volumes.fixOwnership(uuid, signal);
    if (left > 0)
      deps.log.warn(
        { server: uuid, left },
        'files of a server keep their owner because they have names outside its directory',
      );
  }
  return deps.config.system.machineId.enable ? deps.volumes.writeMachineId(uuid) : undefined;
}

async function checkDisk(deps: ServerDeps, server: Server, signal: AbortSignal): Promise<void> {
  const limit = server.spec.limits.disk * bytesPerMiB;
  const { diskCheckInterval } = deps.config.system;
  if (limit === 0 || diskCheckInterval === 0) return;
  const check = 'hecking server disk space usage, this could take a few seconds...';
  say(deps, server, (deps.config.flavour === 'pelican' ? 'c' : 'C') + check);
  const used = await deps.disk.count(uuidOf(server), signal);
  if (used > limit) throw new StartError(`not enough disk space: ${used} bytes are used, ${limit} are allowed`);
}

async function ensureImage(deps: ServerDeps, server: Server, signal: AbortSignal): Promise<void> {
  const { image, imagePullPolicy } = server.spec;
  const { reference, pulled, fallback } = await deps.images.ensureImage({
    image,
    policy: imagePullPolicy,
    credentials: credentialsFor(image, deps.config.docker.registries),
    onLine: (text) => say(deps, server, text),
    onProgress: (text) => deps.bus.publish(uuidOf(server), 'pull', { text }),
    signal,
  });
  if (pulled) tell(deps, server, 'Normal', 'Pulled', `Pulled image ${reference}.`);
  if (fallback)
    tell(
      deps,
      server,
      'Warning',
      'PullFailed',
      `Image ${reference} could not be pulled; the copy on this node is used.`,
    );
}

async function wantedContainer(
  deps: ServerDeps,
  server: Server,
  machineIdPath: string | undefined,
): Promise<{ body: ContainerBody; mounts: Mount[] }> {
  const network = await deps.networks.ensureFor(server);
  const { host } = deps;
  const config = deps.networks.effectiveConfig;
  const { mounts, refused } = await allowedMounts(server, config);
  for (const { source, target, reason } of refused) {
    say(deps, server, `The mount at ${target} is not allowed on this node and was left out.`);
    deps.log.warn({ server: uuidOf(server), source, target, reason }, 'a mount was refused');
    tell(deps, server, 'Warning', 'MountRefused', `The mount at ${target} was left out: ${reason}.`);
  }
  const { body, warnings } = containerBody({ server, config, host, mounts, network, machineIdPath });
  for (const warning of warnings) {
    say(deps, server, warning);
    tell(deps, server, 'Warning', 'SpecAdjusted', warning);
  }
  return { body, mounts };
}

/** Too slow is not failed: Docker may start the process yet, and the next look takes it over. */
async function launchInTime(
  deps: ServerDeps,
  server: Server,
  id: string,
  mounts: Mount[],
  signal: AbortSignal,
): Promise<ContainerInfo> {
  const limit = AbortSignal.timeout(launchTimeoutMs);
  try {
    return await launch(deps, server, id, mounts, AbortSignal.any([signal, limit]));
  } catch (error) {
    if (!limit.aborted || signal.aborted) throw error;
    const seconds = launchTimeoutMs / 1_000;
    throw new DockerUnreachableError(`the container was not started within ${seconds} s`, { cause: error });
  }
}

/** Attaches, then starts: in this order, so that the first line is not lost. */
async function launch(
  deps: ServerDeps,
  server: Server,
  id: string,
  mounts: Mount[],
  signal: AbortSignal,
): Promise<ContainerInfo> {
  const { done, stripAnsi } = server.spec.egg;
  const session = await deps.sessions.open({
    uuid: uuidOf(server),
    containerId: id,
    tty: true,
    stdin: true,
    done: { rules: done, stripAnsi },
  });
  await deps.checkpoint('start:attached');
  signal.throwIfAborted();
  const [swapped] = await swappedSources(mounts);
  if (swapped) throw new StartError('the source of a mount was replaced by a link while the server started');
  await deps.docker.startContainer(id, signal);
  const container = await deps.docker.inspectContainer(id, signal);
  if (!container) throw new StartError('the container was removed while it started');
  session.followUsage(container.startedAt);
  return container;
}
