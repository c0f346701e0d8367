// The part of kind Server that says what its game needs: how it is up, how it stops, which of its files are edited.

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

/** `spec.egg` */
export const eggSchema = {
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
} as const;
