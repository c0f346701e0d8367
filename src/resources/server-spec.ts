// What a Server can be asked to be: validation, TypeScript type, CRD and OpenAPI document of `spec`.
import { eggSchema } from './egg-schema.ts';
import { absolutePattern, coresPattern, namePattern, ownerSchema, uuidPattern } from './schema-parts.ts';

export const powerActions = ['start', 'stop', 'restart', 'kill'] as const;

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
    owner: ownerSchema,
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
    egg: eggSchema,
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
