// The real engine: every method of DockerEngine on one connection. What a method guarantees is said in engine.ts.
import { type Clock, systemClock } from '../clock/clock.ts';
import { attach } from './attach.ts';
import { Connection } from './connection.ts';
import { Containers } from './containers.ts';
import { pruneImages, readDiskUsage } from './disk.ts';
import { endpointFrom } from './endpoint.ts';
import type { DockerEngine } from './engine.ts';
import { openEvents } from './events.ts';
import { inspectImage, pullImage } from './images.ts';
import { readInfo } from './info.ts';
import { followLogs, readLogs } from './logs.ts';
import { createNetwork, inspectNetwork, removeNetwork } from './networks.ts';
import { readStats } from './stats.ts';

/** Attach and start may take 30 s (contract of Wings); nothing else that ends by itself takes longer. */
const defaultTimeoutMs = 30_000;

export interface EngineOptions {
  clock?: Clock;
  /** Of a call that is no stream, in ms. */
  timeoutMs?: number;
}

/**
 * Talks to the engine that DOCKER_HOST, DOCKER_API_VERSION, DOCKER_CERT_PATH and DOCKER_TLS_VERIFY name, by default
 * the one at /var/run/docker.sock. Connects at the first call. @throws Error naming the variable that cannot be used
 */
export function createDockerEngine(env: Record<string, string | undefined>, options: EngineOptions = {}): DockerEngine {
  const { clock = systemClock, timeoutMs = defaultTimeoutMs } = options;
  const connection = new Connection(endpointFrom(env), clock, timeoutMs);
  const containers = new Containers(connection);
  return {
    ping: () => connection.ping(),
    info: () => readInfo(connection),

    inspectContainer: (nameOrId, signal) => containers.inspect(nameOrId, signal),
    listContainers: (labels) => containers.list(labels),
    createContainer: (name, body) => containers.create(name, body),
    startContainer: (id, signal) => containers.start(id, signal),
    stopContainer: (id, signal) => containers.stop(id, signal),
    killContainer: (id, signal) => containers.kill(id, signal),
    removeContainer: (id, how) => containers.remove(id, how),
    updateContainer: (id, resources) => containers.update(id, resources),
    openExitWait: (id, signal) => containers.openExitWait(id, signal),
    attachContainer: (id, how) => attach(connection, id, how),
    containerLogs: (id, which) => readLogs(connection, id, which),
    followLogs: (id, how) => followLogs(connection, id, how),
    containerStats: (id, signal) => readStats(connection, id, signal),

    inspectImage: (reference) => inspectImage(connection, reference),
    pullImage: (reference, how) => pullImage(connection, reference, how),
    pruneImages: () => pruneImages(connection),
    diskUsage: () => readDiskUsage(connection),

    inspectNetwork: (nameOrId) => inspectNetwork(connection, nameOrId),
    createNetwork: (body) => createNetwork(connection, body),
    removeNetwork: (id) => removeNetwork(connection, id),

    openEvents: (from) => openEvents(connection, from),
  };
}
