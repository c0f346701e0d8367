// What is so with a Server: validation, TypeScript type, CRD and OpenAPI document of `status`.
import { conditionsSchema } from './schema-parts.ts';
import { powerActions } from './server-spec.ts';

/** The process states of the Wings protocol: these four and no other. */
export const processStates = ['offline', 'starting', 'running', 'stopping'] as const;

export const serverStatusSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    observedGeneration: { type: 'integer' },
    state: { type: 'string', enum: processStates },
    power: {
      type: 'object',
      additionalProperties: false,
      properties: {
        observedRequest: { type: 'string', description: 'The request being worked on, or the last one.' },
        finishedRequest: {
          type: 'string',
          description:
            'The last request that came to an end. While it differs from spec.power.request.id another is refused, save kill.',
        },
        outcome: { type: 'string', enum: ['Succeeded', 'Failed', 'Refused'] },
        message: { type: 'string' },
      },
    },
    operation: {
      type: 'object',
      additionalProperties: false,
      required: ['action', 'cause', 'startedAt'],
      description: 'What is being done to the process at this moment; a restart of the daemon takes it up again.',
      properties: {
        action: { type: 'string', enum: powerActions },
        cause: {
          type: 'string',
          enum: [
            'Request',
            'Crash',
            'Outage',
            'Suspended',
            'DiskLimit',
            'RestartPolicy',
            'Deletion',
            'Restore',
            'Installation',
          ],
          description:
            'Outage: the process ended while Docker or the daemon was away, a reboot of the machine included.',
        },
        request: { type: 'string' },
        startedAt: { type: 'string', format: 'date-time' },
        stopped: { type: 'boolean', description: 'A restart has done its first half.' },
        signalled: { type: 'boolean', description: 'The stop rule was carried out; not to be repeated.' },
      },
    },
    claim: {
      type: 'object',
      additionalProperties: false,
      required: ['kind', 'name', 'uid', 'since'],
      description:
        'The one operation that has the server to itself, but for power; nothing else of its kind starts meanwhile.',
      properties: {
        kind: { type: 'string', enum: ['Backup', 'Restore', 'Installation', 'Server'] },
        name: { type: 'string' },
        uid: { type: 'string' },
        since: { type: 'string', format: 'date-time' },
        stopServer: { type: 'boolean', description: 'A restore or an installation needs the process stopped now.' },
        stopped: { type: 'boolean', description: 'There is no process, and none starts before the claim ends.' },
        wasOnline: {
          type: 'boolean',
          description: 'The process ran, or was about to, when it was stopped for the claim.',
        },
      },
    },
    containerId: { type: 'string' },
    startedAt: { type: 'string', description: 'When the process started, by Docker.' },
    exit: {
      type: 'object',
      additionalProperties: false,
      required: ['code', 'oomKilled'],
      properties: {
        code: { type: 'integer' },
        oomKilled: { type: 'boolean' },
        finishedAt: { type: 'string' },
        reason: { type: 'string', description: 'Stopped, Killed, Crashed, Exited or StartFailed.' },
      },
    },
    crashCount: { type: 'integer', description: 'Ends nobody asked for since the last requested start.' },
    lastCrashAt: { type: 'string', format: 'date-time' },
    restartAt: { type: 'string', format: 'date-time', description: 'When restartPolicy starts it again.' },
    diskBytes: { type: 'integer', description: 'Sum of file sizes below the data directory, at the last count.' },
    needsRestart: {
      type: 'array',
      items: { type: 'string' },
      description: 'Fields of spec that the running process does not have yet.',
    },
    conditions: conditionsSchema,
  },
} as const;
