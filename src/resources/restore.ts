// Kind Restore: the files of a server brought back from a backup, once. The schema is the validation, the TypeScript type,
// the CRD and the OpenAPI document; docs/kinds/restore.md lists the same fields.
import type { XStatic } from 'typebox/schema';
import type { Condition, ObjectMeta } from './object.ts';
import {
  operationIdentity,
  outcomeSchema,
  owedSchema,
  phaseTimesSchema,
  progressSchema,
  ttlSchema,
} from './operation-parts.ts';
import { conditionsSchema, namePattern, uuidPattern } from './schema-parts.ts';

/** Keeps a deleted restore until its work has ended and nothing of it is left beside the server's files. */
export const restoreFinalizer = 'aileron.dev/restore';

export const restorePhases = [
  'Pending',
  'Downloading',
  'Extracting',
  'Verifying',
  'Stopping',
  'Committing',
  'Finalizing',
  'Completed',
  'Failed',
  'Cancelled',
] as const;
export type RestorePhase = (typeof restorePhases)[number];

export const restoreModes = ['Merge', 'Truncate'] as const;
export const restoreStrategies = ['Auto', 'Staged', 'InPlace'] as const;

export const restoreSpecSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['serverRef', 'backupRef', 'mode', 'paths', 'cancel', 'ttlSecondsAfterFinished'],
  properties: {
    ...operationIdentity,
    backupRef: {
      type: 'object',
      additionalProperties: false,
      required: ['name'],
      description: 'The Backup to restore, a completed one of the same server. Immutable.',
      properties: {
        name: { type: 'string', pattern: namePattern, maxLength: 253 },
        uuid: { type: 'string', pattern: uuidPattern, description: 'spec.uuid of that backup; stamped.' },
      },
    },
    mode: {
      type: 'string',
      enum: restoreModes,
      default: 'Merge',
      description: 'Merge keeps files that the backup does not have; Truncate removes them. Immutable.',
    },
    strategy: {
      type: 'string',
      enum: restoreStrategies,
      description:
        'Staged unpacks beside the files and swaps; InPlace needs no room for both. Absent = system.backups.restore_mode. Immutable.',
    },
    paths: {
      type: 'array',
      maxItems: 256,
      default: [],
      items: { type: 'string', minLength: 1, maxLength: 4096 },
      description:
        'Files and directories to restore, relative to the server. Empty = everything. Not with Truncate. Immutable.',
    },
    cancel: {
      type: 'boolean',
      default: false,
      description: "Ends the work as long as the server's files are untouched; cannot be taken back.",
    },
    ttlSecondsAfterFinished: ttlSchema,
  },
} as const;

export const restoreStatusSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    observedGeneration: { type: 'integer' },
    phase: { type: 'string', enum: restorePhases },
    progress: progressSchema,
    attempt: { type: 'integer', description: 'How often the work was started.' },
    strategy: { type: 'string', enum: ['Staged', 'InPlace'], description: 'The one that was chosen.' },
    startedAt: {
      type: 'string',
      format: 'date-time',
      description: 'When the work began; the time in the queue is before.',
    },
    completedAt: { type: 'string', format: 'date-time' },
    phases: phaseTimesSchema,
    journal: {
      type: 'object',
      additionalProperties: false,
      required: ['step'],
      description:
        "How far the server's files are: after a crash the work goes forward or back from here. MovingOld and MovingNew swap staged files in; Extracting writes over the files in place.",
      properties: {
        step: {
          type: 'string',
          enum: ['Staging', 'Staged', 'MovingOld', 'MovingNew', 'Merging', 'RollingBack', 'Extracting', 'Done'],
        },
      },
    },
    result: {
      type: 'object',
      additionalProperties: false,
      description: 'What was restored.',
      properties: {
        files: { type: 'integer' },
        bytes: { type: 'integer' },
        skipped: { type: 'integer', description: 'Entries that are no file, directory or link.' },
        warnings: { type: 'array', maxItems: 32, items: { type: 'string' } },
      },
    },
    outcome: outcomeSchema,
    owed: owedSchema,
    conditions: conditionsSchema,
  },
} as const;

export type RestoreSpec = XStatic<typeof restoreSpecSchema>;
type StatusFields = XStatic<typeof restoreStatusSchema>;
export type RestoreStatus = Omit<StatusFields, 'conditions'> & { conditions?: Condition[] };
export type RestoreJournalStep = NonNullable<RestoreStatus['journal']>['step'];

const irrevocableSteps = ['MovingOld', 'MovingNew', 'Merging', 'RollingBack', 'Extracting'] as const;
export type IrrevocableStep = (typeof irrevocableSteps)[number];

export interface Restore {
  apiVersion: 'aileron.dev/v1';
  kind: 'Restore';
  metadata: ObjectMeta;
  spec: RestoreSpec;
  status?: RestoreStatus;
  [field: string]: unknown;
}

export function isFinishedRestore({ status }: Pick<Restore, 'status'>): boolean {
  return status?.phase === 'Completed' || status?.phase === 'Failed' || status?.phase === 'Cancelled';
}

/** The server's files are neither the old ones nor the new ones: until they are, the work goes on whoever calls it off. */
export function irrevocableStep({ status }: Pick<Restore, 'status'>): IrrevocableStep | undefined {
  return irrevocableSteps.find((step) => step === status?.journal?.step);
}
