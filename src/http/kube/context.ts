// What every handler of the kube API gets: its dependencies, and which object or collection the request is about.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../clock/clock.ts';
import type { Admission } from '../../resources/admission.ts';
import { eventNamespace } from '../../resources/event.ts';
import type { KindDefinition } from '../../resources/kinds.ts';
import type { Store } from '../../store/store.ts';
import type { Logger } from '../../telemetry/log.ts';
import type { User } from './auth.ts';
import type { KubeMetrics } from './metrics.ts';
import type { Snapshots } from './paging.ts';
import { namespaceNotFound, notFound, StatusError } from './status.ts';
import type { StreamLimit } from './stream-limit.ts';

export interface KubeDeps {
  store: Store;
  admission: Admission;
  clock: Clock;
  log: Logger;
  snapshots: Snapshots;
  watches: StreamLimit;
  metrics: KubeMetrics | undefined;
}

/** Fixed at registration; hooks read it for metrics, spans and error texts. */
export interface RouteFacts {
  kind?: KindDefinition;
  /** `CONNECT`: an answer that takes as long as its reader does, as Kubernetes counts it. */
  verb: 'GET' | 'LIST' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'CONNECT';
  subresource?: string;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    kube?: RouteFacts;
  }
  interface FastifyRequest {
    user: User | undefined;
    /** Of an object that is being created: its name is in no path, but errors say it. */
    objectName: string | undefined;
    /** W3C form; set while the request is traced. */
    traceparent: string | undefined;
  }
}

export type Handler = (
  deps: KubeDeps,
  kind: KindDefinition,
  request: FastifyRequest,
  reply: FastifyReply,
) => Promise<unknown>;

interface PathParameters {
  namespace?: string;
  name?: string;
}

/** The object's name in the path. @throws StatusError 404 in a namespace that does not exist */
export function namedTarget(request: FastifyRequest, kind: KindDefinition): string {
  const { namespace, name } = request.params as PathParameters;
  if (namespace !== undefined && namespace !== eventNamespace) throw new StatusError(notFound(kind, name ?? ''));
  return name ?? '';
}

/** False when the path names a namespace that does not exist: nothing is in it. */
export function namespaceExists(request: FastifyRequest): boolean {
  const { namespace } = request.params as PathParameters;
  return namespace === undefined || namespace === eventNamespace;
}

/** @throws StatusError 404 when the path names a namespace that does not exist */
export function requireNamespace(request: FastifyRequest): void {
  const { namespace } = request.params as PathParameters;
  if (namespace !== undefined && namespace !== eventNamespace) throw new StatusError(namespaceNotFound(namespace));
}
