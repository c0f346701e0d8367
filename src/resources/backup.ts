// Kind Backup: one archive of a server's files that should exist. The schema is the validation, the TypeScript type, the
// CRD and the OpenAPI document; docs/kinds/backup.md lists the same fields.
import type { XStatic } from 'typebox/schema';
import type { Condition, ObjectMeta } from './object.ts';
import { operationIdentity, outcomeSchema, owedSchema, phaseTimesSchema, progressSchema } from './operation-parts.ts';
import { conditionsSchema } from './schema-parts.ts';

/** Keeps a deleted backup until its work has ended and its archive is gone. */
export const backupFinalizer = 'aileron.dev/backup';

export const backupPhases = [
  'Pending',
  'Archiving',
  'Uploading',
  'Finalizing',
  'Completed',
  'Failed',
  'Cancelled',
] as const;
export type BackupPhase = (typeof backupPhases)[number];

/** Bytes of ignore rules: as much as an ignore file may hold. */
export const maxIgnoreBytes = 32_768;

export const backupSpecSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['serverRef', 'adapter', 'ignore', 'locked', 'cancel'],
  properties: {
    ...operationIdentity,
    adapter: {
      type: 'string',
      enum: ['wings'],
      default: 'wings',
      description: 'Where the archive goes. wings = the backup directory of this node. Immutable.',
    },
    ignore: {
      type: 'string',
      maxLength: maxIgnoreBytes,
      default: '',
      description:
        'Lines of patterns; files that match stay out. Empty = the file .pelicanignore or .pteroignore of the server. Immutable.',
    },
    format: {
      type: 'string',
      enum: ['gzip', 'zstd'],
      description: 'Compression. Absent = system.backups.format. Wings restores gzip alone. Immutable.',
    },
    adopt: {
      type: 'boolean',
      description: 'Takes over an archive that is there already, such as one of Wings, and makes none. Immutable.',
    },
    locked: { type: 'boolean', default: false, description: 'Refuses deletion, also by a schedule.' },
    cancel: {
      type: 'boolean',
      default: false,
      description: 'Ends the work when it has not ended; cannot be taken back.',
    },
    verify: {
      type: 'string',
      maxLength: 64,
      description: 'A new value, such as the time, has the archive read and compared with its checksum once.',
    },
  },
} as const;

export const backupStatusSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    observedGeneration: { type: 'integer' },
    phase: { type: 'string', enum: backupPhases },
    progress: progressSchema,
    attempt: { type: 'integer', description: 'How often the work was started.' },
    startedAt: {
      type: 'string',
      format: 'date-time',
      description: 'When the work began; the time in the queue is before.',
    },
    completedAt: { type: 'string', format: 'date-time' },
    phases: phaseTimesSchema,
    archive: {
      type: 'object',
      additionalProperties: false,
      required: ['size', 'checksum', 'checksumType', 'format'],
      description: 'What is on disk, once it is whole.',
      properties: {
        size: { type: 'integer', description: 'Bytes of the archive.' },
        checksum: { type: 'string', description: 'In hex.' },
        checksumType: { type: 'string', enum: ['sha1'] },
        format: { type: 'string', enum: ['gzip', 'zstd'] },
        entries: { type: 'integer', description: 'Files in it.' },
        contentBytes: { type: 'integer', description: 'Bytes of the files in it.' },
        changed: { type: 'integer', description: 'Files that shrank while they were read, and were padded.' },
        skipped: { type: 'integer', description: 'What vanished, or is no file, directory or link.' },
        verifiedAt: { type: 'string', format: 'date-time', description: 'When it was last read back without a fault.' },
      },
    },
    outcome: outcomeSchema,
    owed: owedSchema,
    verification: {
      type: 'object',
      additionalProperties: false,
      required: ['request', 'result'],
      description: 'The last reading that spec.verify asked for.',
      properties: {
        request: { type: 'string' },
        result: { type: 'string', enum: ['Running', 'Passed', 'Failed'] },
        message: { type: 'string' },
        finishedAt: { type: 'string', format: 'date-time' },
      },
    },
    conditions: conditionsSchema,
  },
} as const;

export type BackupSpec = XStatic<typeof backupSpecSchema>;
type StatusFields = XStatic<typeof backupStatusSchema>;
export type BackupStatus = Omit<StatusFields, 'conditions'> & { conditions?: Condition[] };
export type BackupArchive = NonNullable<BackupStatus['archive']>;

export interface Backup {
  apiVersion: 'aileron.dev/v1';
  kind: 'Backup';
  metadata: ObjectMeta;
  spec: BackupSpec;
  status?: BackupStatus;
  [field: string]: unknown;
}

/** Nothing more is done for it but reading and removing. */
export function isFinishedBackup({ status }: Pick<Backup, 'status'>): boolean {
  return status?.phase === 'Completed' || status?.phase === 'Failed' || status?.phase === 'Cancelled';
}
