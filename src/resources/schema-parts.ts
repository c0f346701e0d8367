// Pieces of JSON schema that several kinds share.

/** RFC 1123 subdomain, as Kubernetes names are. */
export const namePattern = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';

/** A canonical lower-case UUID of version 4. */
export const uuidPattern = '^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$';

/** An absolute path, whatever it leads to. */
export const absolutePattern = '^/';

/** `0-1,3`. */
export const coresPattern = '^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$';

export const nameRule =
  'a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "-" or ".", and must start and end with an alphanumeric character';

/** What a person is told instead of a pattern. */
export const patternRules: ReadonlyMap<unknown, string> = new Map([
  [namePattern, nameRule],
  [uuidPattern, 'must be a UUID of version 4 in lower case, such as 3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2e'],
  [absolutePattern, 'must be an absolute path'],
  [coresPattern, 'must be a list of cores such as 0-1,3'],
]);

export const conditionsSchema = {
  type: 'array',
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['type', 'status', 'reason', 'message', 'lastTransitionTime'],
    properties: {
      type: { type: 'string' },
      status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
      reason: { type: 'string' },
      message: { type: 'string' },
      lastTransitionTime: { type: 'string', format: 'date-time' },
      observedGeneration: { type: 'integer' },
    },
  },
} as const;

export const ownerSchema = {
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
} as const;
