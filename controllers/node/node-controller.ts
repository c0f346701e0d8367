// Keeps one Node object true to this machine: capacity, versions, whether Docker answers, whether the disk is full. The
// object is made again when somebody deletes it. Written when something has changed, and every 60 s as a sign of life.
import { isDeepStrictEqual } from 'node:util';
import { type Clock, timestamp } from '../../src/clock/clock.ts';
import type { Config } from '../../src/config/config.ts';
import { type DockerEngine, DockerUnreachableError, type EngineInfo } from '../../src/docker/engine.ts';
import type { DockerFeed } from '../../src/docker/feed.ts';
import { isRuncSafe } from '../../src/docker/runc.ts';
import { findCondition, removeCondition, setCondition } from '../../src/resources/conditions.ts';
import type { EventRecorder } from '../../src/resources/event.ts';
import type { Node, NodeStatus } from '../../src/resources/node.ts';
import type { Condition } from '../../src/resources/object.ts';
import { Controller } from '../../src/runtime/controller.ts';
import { Informer } from '../../src/runtime/informer.ts';
import type { RuntimeMetrics } from '../../src/runtime/metrics.ts';
import { after, type Reconcile } from '../../src/runtime/reconciler.ts';
import { mutateStatus } from '../../src/runtime/status.ts';
import { AlreadyExistsError } from '../../src/store/errors.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import { type DiskSpace, type Machine, thisMachine } from './machine.ts';
import { foreignCondition, foreignObjects, objectsOfOthers } from './other-names.ts';

export interface NodeDeps {
  store: Store;
  docker: Pick<DockerEngine, 'info'>;
  feed: Pick<DockerFeed, 'reachable' | 'failure'>;
  machine: Machine;
  events: EventRecorder;
  nodeName: string;
  clock: Clock;
}

const heartbeatMs = 60_000;
/** Looked at more often than it is written: a full disk shows within this time. */
const lookMs = 15_000;
/** Objects of other nodes come and go seldom; all of them are read for it. */
const countEveryMs = 600_000;
/** Free space moves all the time; less than this share of the disk is not news between two heartbeats. */
const diskStep = 0.01;
const pressureShare = 0.05;
const pressureBytes = 1024 ** 3;

type Finding = Omit<Condition, 'lastTransitionTime'>;

/** The parts for the manager. */
export function createNodeController(
  deps: Omit<NodeDeps, 'feed' | 'machine' | 'nodeName'> & {
    feed: DockerFeed;
    config: Config;
    log: Logger;
    metrics: RuntimeMetrics;
  },
): { informers: Informer<Node>[]; controllers: Controller[] } {
  const { store, feed, config, clock, log, metrics } = deps;
  const { nodeName } = config.aileron;
  const machine = thisMachine(config.system.data);
  const reconcile = nodeReconciler({ ...deps, machine, nodeName });
  const controller = new Controller({ name: 'node', reconcile, workers: 1, clock, log, metrics });
  const nodes = new Informer<Node>({ store, kind: 'Node', clock, log, metrics });
  // Its own writes must not wake it; what another writer did to the status is put right at the next look.
  nodes.onChange(({ type, object }) => {
    if (type === 'DELETED') controller.enqueue(object.metadata.name);
  });
  feed.onReachable(() => controller.enqueue(nodeName));
  feed.onUnreachable(() => controller.enqueue(nodeName));
  controller.enqueue(nodeName);
  return { informers: [nodes], controllers: [controller] };
}

export function nodeReconciler(deps: NodeDeps): Reconcile {
  const { store, nodeName, clock } = deps;
  let foreign: Finding | undefined;
  let countAt = 0;
  return async (key, { log }) => {
    if (key !== nodeName) return undefined; // another machine's
    await ensureNode(deps);
    if (clock.monotonic() >= countAt) {
      const before = foreign?.message;
      foreign = foreignObjects(await objectsOfOthers(store, nodeName), nodeName);
      countAt = clock.monotonic() + countEveryMs;
      if (foreign && foreign.message !== before) log.warn({ node: nodeName }, foreign.message);
    }
    const facts = await lookAround(deps);
    await report(deps, { ...facts, foreign });
    return after(lookMs);
  };
}

async function ensureNode({ store, nodeName }: NodeDeps): Promise<void> {
  if (await store.get<Node>('Node', nodeName)) return;
  try {
    await store.create<Node>({ apiVersion: 'aileron.dev/v1', kind: 'Node', metadata: { name: nodeName } });
  } catch (error) {
    if (!(error instanceof AlreadyExistsError)) throw error;
  }
}

interface Facts {
  machine: Machine;
  /** `undefined`: Docker does not answer. */
  engine: EngineInfo | undefined;
  disk: DiskSpace | undefined;
  findings: Finding[];
  /** Objects are here that bear the name of another node. */
  foreign: Finding | undefined;
}

async function lookAround({ docker, feed, machine }: NodeDeps): Promise<Omit<Facts, 'foreign'>> {
  let failure = feed.failure;
  const engine = feed.reachable
    ? await docker.info().catch((error: unknown) => {
        if (!(error instanceof DockerUnreachableError)) throw error;
        failure = error;
        return undefined;
      })
    : undefined;
  const disk = await machine.disk().catch((error: Error) => error);
  const space = disk instanceof Error ? undefined : disk;
  const findings = [dockerReady(engine, failure), diskPressure(disk)];
  if (engine) findings.push(runtimeOutdated(engine.runcVersion));
  return { machine, engine, disk: space, findings };
}

/** Writes what differs from the status, and all of it when a sign of life is due. */
async function report({ store, events, nodeName, clock }: NodeDeps, facts: Facts): Promise<void> {
  let before: NodeStatus = {};
  const node = await mutateStatus<Node>(store, 'Node', nodeName, (status, { metadata }) => {
    before = structuredClone(status);
    Object.assign(status, statusFrom(facts, status, metadata.generation, timestamp(clock)));
    if (!heartbeatDue(status, clock) && isDeepStrictEqual(status, before)) return;
    status.heartbeatAt = timestamp(clock);
    if (facts.disk) status.capacity = { ...status.capacity, diskFreeBytes: facts.disk.freeBytes };
  });
  if (!node) return;
  const about = { apiVersion: node.apiVersion, kind: node.kind, name: nodeName, uid: node.metadata.uid };
  for (const type of ['RuntimeOutdated', foreignCondition]) {
    if (isTrue(before, type) || !isTrue(node.status, type)) continue;
    const { message = '' } = findCondition(node.status?.conditions, type) ?? {};
    events.event(about, 'Warning', type, message);
  }
}

function isTrue(status: NodeStatus | undefined, type: string): boolean {
  return findCondition(status?.conditions, type)?.status === 'True';
}

/** A clock set back must not silence the heart. */
function heartbeatDue({ heartbeatAt }: NodeStatus, clock: Clock): boolean {
  const since = clock.now() - Date.parse(heartbeatAt ?? '');
  return !(since >= 0 && since < heartbeatMs);
}

/** Pure. What Docker said last stays while it does not answer. */
function statusFrom(facts: Facts, last: NodeStatus, generation: number, now: string): NodeStatus {
  const { machine, engine, disk, findings, foreign } = facts;
  const conditions = structuredClone(last.conditions ?? []);
  if (!foreign) removeCondition(conditions, foreignCondition);
  for (const finding of foreign ? [...findings, foreign] : findings)
    setCondition(conditions, { ...finding, observedGeneration: generation }, now);
  return {
    observedGeneration: generation,
    capacity: { ...last.capacity, cpus: machine.cpus, memoryBytes: machine.memoryBytes, ...diskFields(disk, last) },
    versions: {
      ...last.versions,
      aileron: machine.aileronVersion,
      node: machine.nodeVersion,
      kernel: machine.kernel,
      architecture: machine.architecture,
      ...(engine && {
        os: engine.os,
        docker: engine.version,
        dockerApi: engine.apiVersion,
        containerd: engine.containerdVersion,
        runc: engine.runcVersion,
        cgroup: engine.cgroupVersion,
      }),
    },
    conditions,
  };
}

function diskFields(disk: DiskSpace | undefined, { capacity }: NodeStatus): NodeStatus['capacity'] {
  if (!disk) return {};
  const known = capacity?.diskFreeBytes;
  const moved = known === undefined || Math.abs(known - disk.freeBytes) >= disk.totalBytes * diskStep;
  return { diskBytes: disk.totalBytes, diskFreeBytes: moved ? disk.freeBytes : known };
}

function dockerReady(engine: EngineInfo | undefined, failure: Error | undefined): Finding {
  const type = 'DockerReady';
  if (engine) return { type, status: 'True', reason: 'Reachable', message: 'Docker answers.' };
  if (failure) return { type, status: 'False', reason: 'Unreachable', message: failure.message };
  return { type, status: 'Unknown', reason: 'NotAskedYet', message: 'Docker has not been asked yet.' };
}

/** Exported for its test. */
export function diskPressure(disk: DiskSpace | Error): Finding {
  const type = 'DiskPressure';
  if (disk instanceof Error) return { type, status: 'Unknown', reason: 'CannotTell', message: disk.message };
  const short = disk.freeBytes < pressureBytes || disk.freeBytes < disk.totalBytes * pressureShare;
  return short
    ? { type, status: 'True', reason: 'SpaceIsLow', message: 'Less than 5 % or 1 GiB of the servers’ disk is free.' }
    : { type, status: 'False', reason: 'SpaceIsFree', message: 'The servers’ disk has space.' };
}

function runtimeOutdated(version: string): Finding {
  const type = 'RuntimeOutdated';
  const safe = isRuncSafe(version);
  if (safe === undefined) {
    return { type, status: 'Unknown', reason: 'CannotTell', message: `Docker names its runc as "${version}".` };
  }
  if (safe)
    return { type, status: 'False', reason: 'Patched', message: `runc ${version} has the known escapes closed.` };
  const message = `A process can leave its container with runc ${version}: use 1.2.8, 1.3.3 or later, unless your distribution has patched this one.`;
  return { type, status: 'True', reason: 'KnownEscapes', message };
}
