// Kind Event of core/v1: what happened to an object, in sentences, for `kubectl describe` and `kubectl get events`.
import type { ObjectMeta } from './object.ts';

export const eventNamespace = 'default';

const text = { type: 'string', maxLength: 1024 } as const;
const time = { type: 'string', format: 'date-time' } as const;

const referenceFields = {
  apiVersion: text,
  kind: text,
  name: text,
  uid: text,
  namespace: text,
  resourceVersion: text,
  fieldPath: text,
} as const;

export const eventSchema = {
  type: 'object',
  required: ['involvedObject'],
  properties: {
    involvedObject: {
      type: 'object',
      required: ['kind', 'name'],
      description: 'What the Event is about.',
      properties: referenceFields,
    },
    related: { type: 'object', description: 'Another object that took part.', properties: referenceFields },
    reason: { ...text, description: 'One word in CamelCase.' },
    message: { ...text, description: 'What happened, in a sentence.' },
    type: { type: 'string', enum: ['Normal', 'Warning'] },
    count: { type: 'integer', minimum: 0, description: 'How often it happened.' },
    firstTimestamp: { ...time, description: 'When it happened first.' },
    lastTimestamp: { ...time, description: 'When it happened last.' },
    eventTime: { type: ['string', 'null'], format: 'date-time', description: 'When it happened, for a single Event.' },
    series: {
      type: 'object',
      description: 'How often it was repeated, as newer clients count.',
      properties: { count: { type: 'integer', minimum: 0 }, lastObservedTime: time },
    },
    action: { ...text, description: 'What was done, in one word.' },
    source: {
      type: 'object',
      description: 'Who said it, on which node.',
      properties: { component: text, host: text },
    },
    reportingComponent: { ...text, description: 'Who said it, as newer clients name it.' },
    reportingInstance: text,
  },
} as const;

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
