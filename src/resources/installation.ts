// Kind Installation: the install script of a server, run once in a container of its own. The schema is the validation, the
// TypeScript type, the CRD and the OpenAPI document; docs/kinds/installation.md lists the same fields.
import type { XStatic } from 'typebox/schema';
import type { Condition, ObjectMeta } from './object.ts';
import { operationIdentity, outcomeSchema, owedSchema, phaseTimesSchema, ttlSchema } from './operation-parts.ts';
import { conditionsSchema } from './schema-parts.ts';

/** Keeps a deleted installation until its container is gone and its work has ended. */
export const installationFinalizer = 'aileron.dev/installation';

export const installationPhases = [
  'Pending',
  'Preparing',
  'Running',
  'Finalizing',
  'Completed',
  'Failed',
  'Cancelled',
] as const;
export type InstallationPhase = (typeof installationPhases)[number];

export const installationSpecSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['serverRef', 'reinstall', 'startOnCompletion', 'cancel', 'ttlSecondsAfterFinished'],
  properties: {
    ...operationIdentity,
    reinstall: {
      type: 'boolean',
      default: false,
      description: 'The server was installed before; a Panel is told so. Immutable.',
    },
    startOnCompletion: {
      type: 'boolean',
      default: false,
      description: 'Starts the server when the installation has succeeded. Immutable.',
    },
    script: {
      type: 'object',
      additionalProperties: false,
      required: ['image', 'entrypoint', 'script'],
      description: 'What to run. Absent = the Panel of the server is asked. Immutable.',
      properties: {
        image: { type: 'string', minLength: 1, maxLength: 512, description: 'Docker image of the installer.' },
        entrypoint: {
          type: 'string',
          minLength: 1,
          maxLength: 4096,
          description: 'Program in the image that is given the script, such as sh; one argument, no shell line.',
        },
        script: { type: 'string', maxLength: 262_144, description: 'Its text. CR LF becomes LF.' },
      },
    },
    skip: {
      type: 'boolean',
      description: 'Succeeds without running anything. Absent = spec.skipEggScripts of the server. Immutable.',
    },
    adoptContainerId: {
      type: 'string',
      pattern: '^[0-9a-f]{64}$',
      description: 'An installer that another daemon left behind: taken over instead of a new one. Immutable.',
    },
    cancel: {
      type: 'boolean',
      default: false,
      description: 'Ends the work: the container is killed and removed. Cannot be taken back.',
    },
    ttlSecondsAfterFinished: ttlSchema,
  },
} as const;

export const installationStatusSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    observedGeneration: { type: 'integer' },
    phase: { type: 'string', enum: installationPhases },
    containerId: { type: 'string', description: 'The installer, once it was started.' },
    exitCode: {
      type: 'integer',
      description: 'Of the script. It decides nothing: many scripts end with another than 0.',
    },
    logFile: { type: 'string', description: 'Below system.log_directory: what the script printed.' },
    startedAt: {
      type: 'string',
      format: 'date-time',
      description: 'When the work began; the wait for its turn is before.',
    },
    completedAt: { type: 'string', format: 'date-time' },
    phases: phaseTimesSchema,
    outcome: outcomeSchema,
    owed: owedSchema,
    conditions: conditionsSchema,
  },
} as const;

export type InstallationSpec = XStatic<typeof installationSpecSchema>;
type StatusFields = XStatic<typeof installationStatusSchema>;
export type InstallationStatus = Omit<StatusFields, 'conditions'> & { conditions?: Condition[] };

export interface Installation {
  apiVersion: 'aileron.dev/v1';
  kind: 'Installation';
  metadata: ObjectMeta;
  spec: InstallationSpec;
  status?: InstallationStatus;
  [field: string]: unknown;
}

export function isFinishedInstallation({ status }: Pick<Installation, 'status'>): boolean {
  return status?.phase === 'Completed' || status?.phase === 'Failed' || status?.phase === 'Cancelled';
}
