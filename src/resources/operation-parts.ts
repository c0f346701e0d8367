// Pieces of schema that the kinds of long work share: whom it is about, how far it is, what it owes, how it ended.
import { namePattern, ownerSchema, uuidPattern } from './schema-parts.ts';

const ownUuidSchema = {
  type: 'string',
  pattern: uuidPattern,
  description: 'Names it outside this API. Version 4, unique, immutable; generated when absent.',
} as const;

export const nodeNameSchema = {
  type: 'string',
  pattern: namePattern,
  maxLength: 253,
  description: 'The node it belongs to; immutable, default this node.',
} as const;

const serverRefSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  description: 'The server it is about; immutable.',
  properties: {
    name: { type: 'string', pattern: namePattern, maxLength: 253 },
    uuid: {
      type: 'string',
      pattern: uuidPattern,
      description: 'spec.uuid of that server. Stamped when the object is created; archives are kept by it.',
    },
  },
} as const;

/** What every spec of long work begins with. */
export const operationIdentity = {
  uuid: ownUuidSchema,
  nodeName: nodeNameSchema,
  owner: ownerSchema,
  serverRef: serverRefSchema,
} as const;

export const ttlSchema = {
  type: 'integer',
  minimum: 0,
  maximum: 315_360_000,
  default: 86_400,
  description: 'Seconds after its end when the object goes.',
} as const;

/** Written at phase changes and at most every 2 s; consoles see it four times a second. */
export const progressSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['percentage', 'bytesWritten', 'bytesTotal'],
  properties: {
    percentage: { type: 'integer', description: '0 to 100; -1 at the end of what failed or was cancelled.' },
    bytesWritten: { type: 'integer', description: 'Never falls.' },
    bytesTotal: { type: 'integer', description: '0 = not known.' },
  },
} as const;

/** Every phase it went through, oldest first. */
export const phaseTimesSchema = {
  type: 'array',
  maxItems: 64,
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['phase', 'startedAt'],
    properties: {
      phase: { type: 'string' },
      startedAt: { type: 'string', format: 'date-time' },
      finishedAt: { type: 'string', format: 'date-time' },
    },
  },
} as const;

/** How the work ended, decided and durable before anybody is told. */
export const outcomeSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['result', 'reason', 'message'],
  properties: {
    result: { type: 'string', enum: ['Completed', 'Failed', 'Cancelled'] },
    reason: { type: 'string', description: 'One word in CamelCase, for programs.' },
    message: { type: 'string', description: 'A sentence, for people.' },
  },
} as const;

/** What somebody else has to be told until they have heard it. */
export const owedSchema = {
  type: 'array',
  maxItems: 64,
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['id', 'to', 'what', 'since', 'attempts'],
    properties: {
      id: { type: 'string' },
      to: { type: 'string', description: 'Who waits for it: Panel.' },
      what: { type: 'string', description: 'Which report, in one word.' },
      since: { type: 'string', format: 'date-time' },
      attempts: { type: 'integer' },
      nextAttemptAt: { type: 'string', format: 'date-time' },
      lastError: { type: 'string' },
    },
  },
} as const;
