// Kind Schedule: backups that should be made again and again, and how many of them are kept. The schema is the validation,
// the TypeScript type, the CRD and the OpenAPI document; docs/kinds/schedule.md lists the same fields.
import type { XStatic } from 'typebox/schema';
import { maxIgnoreBytes } from './backup.ts';
import type { Condition, ObjectMeta } from './object.ts';
import { nodeNameSchema } from './operation-parts.ts';
import { conditionsSchema, namePattern, ownerSchema } from './schema-parts.ts';

/** On every Backup that a schedule made: the name of the schedule. Only backups with it are ever pruned. */
export const scheduleLabel = 'aileron.dev/schedule';

const keepCount = { type: 'integer', minimum: 0, maximum: 10_000 } as const;

export const scheduleSpecSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['cron', 'timeZone', 'suspend', 'concurrencyPolicy', 'template', 'keep'],
  properties: {
    nodeName: nodeNameSchema,
    owner: ownerSchema,
    cron: {
      type: 'string',
      minLength: 1,
      maxLength: 128,
      description:
        'Five fields: minute, hour, day of month, month, day of week; or @hourly, @daily, @weekly, @monthly.',
    },
    timeZone: {
      type: 'string',
      minLength: 1,
      maxLength: 64,
      default: 'UTC',
      description: 'IANA name, such as Europe/Berlin.',
    },
    suspend: { type: 'boolean', default: false, description: 'Starts nothing more; what runs goes on.' },
    concurrencyPolicy: {
      type: 'string',
      enum: ['Allow', 'Forbid', 'Replace'],
      default: 'Forbid',
      description:
        'When the backup before has not ended: Allow queues another, Forbid leaves this one out, Replace cancels it.',
    },
    startingDeadlineSeconds: {
      type: 'integer',
      minimum: 10,
      maximum: 31_536_000,
      description:
        'How late a missed run may start, after the node was down. Absent = the last missed run always starts.',
    },
    template: {
      type: 'object',
      additionalProperties: false,
      required: ['ignore', 'locked'],
      description: 'What each backup is made from: of one server by serverRef, or of all that match serverSelector.',
      properties: {
        serverRef: {
          type: 'object',
          additionalProperties: false,
          required: ['name'],
          properties: { name: { type: 'string', pattern: namePattern, maxLength: 253 } },
        },
        serverSelector: {
          type: 'object',
          additionalProperties: false,
          required: ['matchLabels'],
          description: 'Servers with all of these labels; no labels = every server.',
          properties: {
            matchLabels: {
              type: 'object',
              maxProperties: 32,
              default: {},
              additionalProperties: { type: 'string', maxLength: 63 },
            },
          },
        },
        ignore: { type: 'string', maxLength: maxIgnoreBytes, default: '' },
        format: { type: 'string', enum: ['gzip', 'zstd'] },
        locked: { type: 'boolean', default: false },
      },
    },
    keep: {
      type: 'object',
      additionalProperties: false,
      default: {},
      description:
        'Which completed backups of this schedule stay, for each server: those that any rule wants. No rule = all. Locked ones always stay.',
      properties: {
        last: { ...keepCount, description: 'The newest so many.' },
        daily: { ...keepCount, description: 'The newest of each of the last so many days that have one.' },
        weekly: { ...keepCount, description: 'The newest of each of the last so many ISO weeks that have one.' },
        maxAge: {
          type: 'string',
          pattern: '^[1-9][0-9]{0,4}[hdw]$',
          description: 'Removes what is older whatever the other rules say, such as 30d; the newest one stays.',
        },
      },
    },
  },
} as const;

export const scheduleStatusSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    observedGeneration: { type: 'integer' },
    lastScheduleTime: {
      type: 'string',
      format: 'date-time',
      description: 'The run that was started last, by the cron line.',
    },
    lastSuccessfulTime: { type: 'string', format: 'date-time' },
    nextScheduleTime: { type: 'string', format: 'date-time' },
    active: {
      type: 'array',
      maxItems: 1024,
      items: { type: 'string' },
      description: 'Names of its backups that have not ended.',
    },
    kept: { type: 'integer', description: 'Completed backups it has.' },
    conditions: conditionsSchema,
  },
} as const;

export type ScheduleSpec = XStatic<typeof scheduleSpecSchema>;
type StatusFields = XStatic<typeof scheduleStatusSchema>;
export type ScheduleStatus = Omit<StatusFields, 'conditions'> & { conditions?: Condition[] };

export interface Schedule {
  apiVersion: 'aileron.dev/v1';
  kind: 'Schedule';
  metadata: ObjectMeta;
  spec: ScheduleSpec;
  status?: ScheduleStatus;
  [field: string]: unknown;
}
