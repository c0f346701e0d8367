// Kind Event of core/v1: what happened to an object, in sentences, for `kubectl describe` and `kubectl get events`.
import type { ObjectMeta } from './object.ts';

export const eventNamespace = 'default';

export interface ObjectReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  namespace?: string;
  resourceVersion?: string;
}

export interface Event {
  apiVersion: 'v1';
  kind: 'Event';
  metadata: ObjectMeta;
  involvedObject: ObjectReference;
  /** One word in CamelCase. */
  reason: string;
  message: string;
  type: 'Normal' | 'Warning';
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
  source: { component: string; host: string };
  reportingComponent: string;
  reportingInstance: string;
  [field: string]: unknown;
}

/** Says that something happened to an object. Never throws and never waits: an Event that cannot be stored is logged. */
export interface EventRecorder {
  event(about: ObjectReference, type: Event['type'], reason: string, message: string): void;
}
