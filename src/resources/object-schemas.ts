// The schemas of what is the same for every kind: metadata, lists, the answers to errors and deletions. For OpenAPI.
import type { JsonSchema } from './json-schema.ts';

const text: JsonSchema = { type: 'string' };
const time: JsonSchema = { type: 'string', format: 'date-time' };
const texts: JsonSchema = { type: 'object', additionalProperties: text };

const ownerReference: JsonSchema = {
  type: 'object',
  required: ['apiVersion', 'kind', 'name', 'uid'],
  properties: {
    apiVersion: text,
    kind: text,
    name: text,
    uid: text,
    controller: { type: 'boolean', description: 'At most one owner of an object has this.' },
    blockOwnerDeletion: {
      type: 'boolean',
      description: 'An owner that is deleted in the foreground waits for this object.',
    },
  },
};

export const objectMetaSchema: JsonSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 253, description: 'Unique in its kind; cannot be changed.' },
    generateName: { type: 'string', description: 'Begins a name that the server makes when there is none.' },
    namespace: { type: 'string', description: 'Only Events have one, and only default exists.' },
    uid: { type: 'string', description: 'Made by the server, never reused.' },
    resourceVersion: { type: 'string', description: 'Changes with every change; sent back, it guards against others.' },
    generation: { type: 'integer', description: 'Rises with each change of spec.' },
    creationTimestamp: time,
    deletionTimestamp: { ...time, description: 'When deletion was asked for; the object waits for its finalizers.' },
    deletionGracePeriodSeconds: { type: 'integer' },
    labels: { ...texts, description: 'To select by.' },
    annotations: { ...texts, description: 'For people and tools; 256 KiB in all.' },
    finalizers: { type: 'array', items: text, description: 'What has to happen before the object goes.' },
    ownerReferences: { type: 'array', items: ownerReference, description: 'The object goes when these are gone.' },
  },
};

export const listMetaSchema: JsonSchema = {
  type: 'object',
  properties: {
    resourceVersion: { type: 'string', description: 'What the list is true at: a watch from here misses nothing.' },
    continue: { type: 'string', description: 'Asks for the next page.' },
    remainingItemCount: { type: 'integer' },
  },
};

export const statusSchema: JsonSchema = {
  type: 'object',
  description: 'How a request ended, when not with an object.',
  properties: {
    apiVersion: text,
    kind: text,
    metadata: listMetaSchema,
    status: { type: 'string', enum: ['Success', 'Failure'] },
    code: { type: 'integer', description: 'The HTTP status.' },
    reason: { type: 'string', description: 'One word, for programs.' },
    message: text,
    details: {
      type: 'object',
      properties: {
        name: text,
        group: text,
        kind: text,
        uid: text,
        retryAfterSeconds: { type: 'integer' },
        causes: {
          type: 'array',
          items: { type: 'object', properties: { reason: text, message: text, field: text } },
        },
      },
    },
  },
};

export const deleteOptionsSchema: JsonSchema = {
  type: 'object',
  properties: {
    apiVersion: text,
    kind: text,
    dryRun: { type: 'array', items: { type: 'string', enum: ['All'] } },
    gracePeriodSeconds: { type: 'integer', description: 'Accepted; how a server stops is said in its spec.' },
    preconditions: {
      type: 'object',
      description: 'Delete only the object that is meant.',
      properties: { uid: text, resourceVersion: text },
    },
    propagationPolicy: { type: 'string', enum: ['Background', 'Foreground'] },
  },
};
