// Kind Server: one game server on this node. One schema is the validation, the TypeScript type, the CRD and the
// OpenAPI document; docs/kinds/server.md lists the same fields.
import type { XStatic } from 'typebox/schema';
import type { Condition, ObjectMeta } from './object.ts';
import { absolutePattern, conditionsSchema, coresPattern, namePattern, uuidPattern } from './schema-parts.ts';

/** The process states of the Wings protocol: these four and no other. */
export const processStates = ['offline', 'starting', 'running', 'stopping'] as const;
export type ProcessState = (typeof processStates)[number];

/** Keeps a deleted server until its process and container are gone. */
export const serverFinalizer = 'aileron.dev/server';

export const powerActions = ['start', 'stop', 'restart', 'kill'] as const;
export type PowerAction = (typeof powerActions)[number];

const addressAndPort = {
  type: 'object',
  additionalProperties: false,
  required: ['ip', 'port'],
  properties: {
    ip: {
      type: 'string',
      maxLength: 45,
      description: 'Address on the node. 127.0.0.1 binds to the bridge gateway, so that other containers reach it.',
    },
    port: { type: 'integer', minimum: 0, maximum: 65535, description: 'TCP and UDP alike. 0 = no port.' },
  },
} as const;

/** Whatever JSON can be. */
const anyJson = { type: ['string', 'number', 'boolean', 'null', 'array', 'object'] } as const;

const configFileSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['file', 'parser', 'replace'],
  properties: {
    file: { type: 'string', minLength: 1, maxLength: 4096, description: 'Path below the data directory.' },
    parser: {
      type: 'string',
      minLength: 1,
      maxLength: 64,
      description: 'properties, file, yaml, yml, json, toml, ini or xml; a file with another one is left alone.',
    },
    createFile: { type: 'boolean', description: 'false leaves out a file that does not exist. Absent = true.' },
    replace: {
      type: 'array',
      maxItems: 1024,
      default: [],
      description: 'Carried out in this order.',
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['match', 'replaceWith'],
        properties: {
          match: {
            type: 'string',
            maxLength: 4096,
            description: 'Key, path or start of a line, as the parser reads it.',
          },
          ifValue: {
            type: 'string',
            maxLength: 4096,
            description: 'Only where this is the present value; regex: starts an RE2 expression.',
          },
          replaceWith: { ...anyJson, description: 'The new value. Lists, objects and null are not written.' },
        },
      },
    },
  },
} as const;

export const serverSpecSchema = {
  type: 'object',
  additionalProperties: false,
  required: [
    'image',
    'imagePullPolicy',
    'invocation',
    'environment',
    'containerLabels',
    'limits',
    'allocations',
    'mounts',
    'egg',
    'suspended',
    'power',
    'reclaimPolicy',
  ],
  properties: {
    uuid: {
      type: 'string',
      pattern: uuidPattern,
      description: 'Names container and volume. Version 4, unique, immutable; generated when absent.',
    },
    nodeName: {
      type: 'string',
      pattern: namePattern,
      maxLength: 253,
      description: 'The node it runs on; immutable, default this node.',
    },
    owner: {
      type: 'object',
      additionalProperties: false,
      required: ['kind'],
      description: 'Who may write the spec. Set by the door the object came through.',
      properties: {
        kind: { type: 'string', enum: ['Panel', 'Manifest', 'User'] },
        ref: {
          type: 'string',
          maxLength: 1024,
          description: 'Which one: a file below the manifest directory, a Panel, a user.',
        },
      },
    },
    displayName: { type: 'string', maxLength: 1024, description: 'What people call it; a Panel says it.' },
    description: { type: 'string', maxLength: 16384, description: 'What people say of it.' },
    panelId: { type: 'integer', minimum: 0, description: 'Number of the server in the database of its Panel.' },
    image: {
      type: 'string',
      minLength: 1,
      maxLength: 512,
      description: 'Docker image. A leading ~ means: only the copy on this node, never pulled.',
    },
    imagePullPolicy: {
      type: 'string',
      enum: ['Always', 'IfNotPresent', 'Never'],
      default: 'Always',
      description: 'When to pull. Always falls back to the copy on this node when the registry fails.',
    },
    invocation: {
      type: 'string',
      maxLength: 16384,
      default: '',
      description: 'Start command, given to the image as STARTUP; {{NAME}} stands for a variable.',
    },
    environment: {
      type: 'object',
      maxProperties: 512,
      default: {},
      additionalProperties: { type: ['string', 'number', 'boolean', 'null'] },
      description:
        'Variables of the process, names upper-cased. TZ, STARTUP, SERVER_MEMORY, SERVER_IP and SERVER_PORT are set by the node.',
    },
    containerLabels: {
      type: 'object',
      maxProperties: 128,
      default: {},
      additionalProperties: { type: 'string', maxLength: 4096 },
      description: 'Labels of the container. Service and ContainerType are set by the node.',
    },
    limits: {
      type: 'object',
      additionalProperties: false,
      default: {},
      required: ['memory', 'swap', 'disk', 'cpu', 'io', 'oomKiller', 'memoryUnit'],
      properties: {
        memory: {
          type: 'integer',
          minimum: 0,
          maximum: 16777216,
          default: 0,
          description: 'In memoryUnit; the container gets some more for overhead. 0 = no limit.',
        },
        swap: {
          type: 'integer',
          minimum: -1,
          maximum: 16777216,
          default: 0,
          description: 'In memoryUnit. 0 = none, -1 = no limit.',
        },
        disk: {
          type: 'integer',
          minimum: 0,
          maximum: 1073741824,
          default: 0,
          description: 'MiB below the data directory. 0 = no limit.',
        },
        cpu: {
          type: 'integer',
          minimum: 0,
          maximum: 100000,
          default: 0,
          description: 'Percent of one core. 0 = no limit.',
        },
        threads: {
          type: 'string',
          pattern: coresPattern,
          maxLength: 256,
          description: 'Cores it may use, such as 0-1,3. Absent = all.',
        },
        io: {
          type: 'integer',
          minimum: 0,
          maximum: 1000,
          default: 500,
          description: 'Weight against other servers, 10 to 1000. 0 = unset.',
        },
        oomKiller: {
          type: 'boolean',
          default: true,
          description: 'false keeps the kernel from ending the process at its memory limit (cgroup v1 only).',
        },
        memoryUnit: {
          type: 'string',
          enum: ['MiB', 'MB'],
          default: 'MiB',
          description: 'Unit of memory and swap. MB = 1,000,000 bytes, as Pterodactyl counts.',
        },
      },
    },
    allocations: {
      type: 'object',
      additionalProperties: false,
      default: {},
      required: ['additional', 'forceOutgoingIp'],
      properties: {
        default: { ...addressAndPort, description: 'Given to the process as SERVER_IP and SERVER_PORT.' },
        additional: {
          type: 'array',
          maxItems: 1024,
          default: [],
          items: addressAndPort,
          description: 'More addresses to publish.',
        },
        forceOutgoingIp: {
          type: 'boolean',
          default: false,
          description: 'Outgoing traffic leaves from the address of the default allocation.',
        },
      },
    },
    mounts: {
      type: 'array',
      maxItems: 64,
      default: [],
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['source', 'target', 'readOnly'],
        properties: {
          source: {
            type: 'string',
            pattern: absolutePattern,
            maxLength: 4096,
            description: 'Directory of the host, at or below an entry of allowed_mounts.',
          },
          target: {
            type: 'string',
            pattern: absolutePattern,
            maxLength: 4096,
            description: 'Where the container sees it.',
          },
          readOnly: { type: 'boolean', default: false },
        },
      },
    },
    egg: {
      type: 'object',
      additionalProperties: false,
      default: {},
      required: ['done', 'stripAnsi', 'stop'],
      description: 'How this game says that it is up, and how it is asked to stop.',
      properties: {
        done: {
          type: 'array',
          maxItems: 64,
          default: [''],
          items: { type: 'string', maxLength: 4096 },
          description:
            'A console line that contains one of these means running; regex: starts an RE2 expression. The default is the first line of output.',
        },
        stripAnsi: {
          type: 'boolean',
          default: false,
          description: 'Remove terminal colours before a line is compared with done.',
        },
        stop: {
          type: 'object',
          additionalProperties: false,
          default: {},
          required: ['type', 'value'],
          properties: {
            type: {
              type: 'string',
              enum: ['command', 'signal', 'stop'],
              default: 'signal',
              description: 'command types value; signal sends it; stop leaves it to Docker and the image.',
            },
            value: { type: 'string', maxLength: 1024, default: 'SIGTERM' },
          },
        },
        id: { type: 'string', maxLength: 256, description: 'Which egg of its Panel.' },
        fileDenylist: {
          type: 'array',
          maxItems: 1024,
          items: { type: 'string', maxLength: 4096 },
          description: 'Patterns, as in a .gitignore, of files that its users cannot change.',
        },
        features: {
          type: 'object',
          maxProperties: 64,
          additionalProperties: { type: 'array', maxItems: 64, items: { type: 'string', maxLength: 4096 } },
          description: 'Console phrases that consoles are told of, by feature.',
        },
        configs: {
          type: 'array',
          maxItems: 256,
          items: configFileSchema,
          description: 'Files of the game that are edited before each start.',
        },
      },
    },
    skipEggScripts: { type: 'boolean', description: 'Installs without running the script of the egg.' },
    crashDetectionEnabled: {
      type: 'boolean',
      description: 'Whether a crash is answered with a restart. Absent = system.crash_detection.enabled.',
    },
    suspended: { type: 'boolean', default: false, description: 'Stops the server and refuses starts.' },
    power: {
      type: 'object',
      additionalProperties: false,
      default: {},
      required: ['desired'],
      properties: {
        desired: {
          type: 'string',
          enum: ['Running', 'Stopped'],
          default: 'Stopped',
          description: 'What should be. A change is a request to start or stop.',
        },
        request: {
          type: 'object',
          additionalProperties: false,
          required: ['action'],
          description: 'The newest wish. Writing an action makes a new request; id, at and by are stamped.',
          properties: {
            id: { type: 'string', maxLength: 64 },
            action: { type: 'string', enum: powerActions },
            at: { type: 'string', format: 'date-time' },
            by: { type: 'string', maxLength: 1024 },
          },
        },
      },
    },
    backupLimit: {
      type: 'integer',
      minimum: 0,
      maximum: 10_000,
      description: 'Backups it may have, those under way included and failed ones not. 0 = none, absent = no limit.',
    },
    restartPolicy: {
      type: 'string',
      enum: ['Always', 'OnFailure', 'Never'],
      description:
        'After the process ends unasked. Absent = one restart a minute, as system.crash_detection says; Always and OnFailure back off from 10 s to 5 min.',
    },
    reclaimPolicy: {
      type: 'string',
      enum: ['Retain', 'Delete'],
      default: 'Retain',
      description: 'Whether deleting the object deletes its data directory.',
    },
  },
} as const;

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

export type ServerSpec = XStatic<typeof serverSpecSchema>;
type StatusFields = XStatic<typeof serverStatusSchema>;
export type ServerStatus = Omit<StatusFields, 'conditions'> & { conditions?: Condition[] };
export type ServerOperation = NonNullable<ServerStatus['operation']>;
export type ServerClaim = NonNullable<ServerStatus['claim']>;
export type ServerExit = NonNullable<ServerStatus['exit']>;

export interface Server {
  apiVersion: 'aileron.dev/v1';
  kind: 'Server';
  metadata: ObjectMeta;
  spec: ServerSpec;
  status?: ServerStatus;
  [field: string]: unknown;
}
