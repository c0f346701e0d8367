// Specs that no Server may have, each with the one cause it is refused for.

export interface Mistake {
  what: string;
  spec: Record<string, unknown>;
  field: string;
  reason: string;
  message: RegExp;
}

export const mistakes: Mistake[] = [
  {
    what: 'text for a number',
    spec: { limits: { memory: '128' } },
    field: 'spec.limits.memory',
    reason: 'FieldValueTypeInvalid',
    message: /^Invalid value: "string": must be of type integer: "128"$/,
  },
  {
    what: 'a fraction for a whole number',
    spec: { limits: { cpu: 1.5 } },
    field: 'spec.limits.cpu',
    reason: 'FieldValueTypeInvalid',
    message: /must be of type integer: 1.5$/,
  },
  {
    what: 'an object for text',
    spec: { image: { name: 'game' } },
    field: 'spec.image',
    reason: 'FieldValueTypeInvalid',
    message: /^Invalid value: "object": must be of type string: "object"$/,
  },
  {
    what: 'an object for a list',
    spec: { mounts: {} },
    field: 'spec.mounts',
    reason: 'FieldValueTypeInvalid',
    message: /must be of type array/,
  },
  {
    what: 'a list for an object',
    spec: { environment: [] },
    field: 'spec.environment',
    reason: 'FieldValueTypeInvalid',
    message: /^Invalid value: "array": must be of type object/,
  },
  {
    what: 'a list as a value of the environment',
    spec: { environment: { 'A/B~C': ['secret'] } },
    field: 'spec.environment[A/B~C]',
    reason: 'FieldValueTypeInvalid',
    message: /^Invalid value: "array": must be of type string or number or boolean or null: "array"$/,
  },
  {
    what: 'text for the environment',
    spec: { environment: 'KEY=secret' },
    field: 'spec.environment',
    reason: 'FieldValueTypeInvalid',
    message: /^Invalid value: "string": must be of type object: "string"$/,
  },
  {
    what: 'a null in a list',
    spec: { mounts: [null] },
    field: 'spec.mounts[0]',
    reason: 'FieldValueTypeInvalid',
    message: /^Invalid value: "null": must be of type object: null$/,
  },
  {
    what: 'no image',
    spec: { image: undefined },
    field: 'spec.image',
    reason: 'FieldValueRequired',
    message: /^Required value$/,
  },
  {
    what: 'a null for the image',
    spec: { image: null },
    field: 'spec.image',
    reason: 'FieldValueRequired',
    message: /^Required value$/,
  },
  {
    what: 'a mount without a target',
    spec: { mounts: [{ source: '/a' }] },
    field: 'spec.mounts[0].target',
    reason: 'FieldValueRequired',
    message: /^Required value$/,
  },
  {
    what: 'less than nothing',
    spec: { limits: { memory: -1 } },
    field: 'spec.limits.memory',
    reason: 'FieldValueInvalid',
    message: /^Invalid value: -1: must be greater than or equal to 0$/,
  },
  {
    what: 'a port beyond the last',
    spec: { allocations: { default: { ip: '0.0.0.0', port: 65536 } } },
    field: 'spec.allocations.default.port',
    reason: 'FieldValueInvalid',
    message: /^Invalid value: 65536: must be less than or equal to 65535$/,
  },
  {
    what: 'a value that is not in the list',
    spec: { imagePullPolicy: 'Sometimes' },
    field: 'spec.imagePullPolicy',
    reason: 'FieldValueNotSupported',
    message: /^Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"$/,
  },
  {
    what: 'a power action that does not exist',
    spec: { power: { request: { action: 'explode' } } },
    field: 'spec.power.request.action',
    reason: 'FieldValueNotSupported',
    message: /supported values: "start", "stop", "restart", "kill"$/,
  },
  {
    what: 'too many mounts',
    spec: { mounts: Array.from({ length: 65 }, (_, index) => ({ source: '/a', target: `/m${index}` })) },
    field: 'spec.mounts',
    reason: 'FieldValueTooMany',
    message: /^Too many: 65: must have at most 64 items$/,
  },
  {
    what: 'a port twice in one server',
    spec: {
      allocations: {
        default: { ip: '192.0.2.1', port: 25565 },
        additional: [
          { ip: '192.0.2.2', port: 25565 },
          { ip: '192.0.2.1', port: 25565 },
        ],
      },
    },
    field: 'spec.allocations.additional[1].port',
    reason: 'FieldValueDuplicate',
    message: /^Duplicate value: 25565: spec.allocations.default has it already$/,
  },
  {
    what: 'a port on one address and on all',
    spec: {
      allocations: {
        additional: [
          { ip: '192.0.2.1', port: 25565 },
          { ip: '0.0.0.0', port: 25565 },
        ],
      },
    },
    field: 'spec.allocations.additional[1].port',
    reason: 'FieldValueDuplicate',
    message: /^Duplicate value: 25565/,
  },
  {
    what: 'one IPv6 address in two spellings',
    spec: {
      allocations: {
        additional: [
          { ip: '2001:db8::1', port: 25565 },
          { ip: '2001:DB8:0::1', port: 25565 },
        ],
      },
    },
    field: 'spec.allocations.additional[1].port',
    reason: 'FieldValueDuplicate',
    message: /^Duplicate value: 25565/,
  },
  {
    what: 'an address that is none',
    spec: { allocations: { default: { ip: '192.0.2.256', port: 1 } } },
    field: 'spec.allocations.default.ip',
    reason: 'FieldValueInvalid',
    message: /^Invalid value: "192.0.2.256": must be an IP address/,
  },
  {
    what: 'an address with an interface',
    spec: { allocations: { additional: [{ ip: 'fe80::1%eth0', port: 1 }] } },
    field: 'spec.allocations.additional[0].ip',
    reason: 'FieldValueInvalid',
    message: /must be an IP address/,
  },
  {
    what: 'an outgoing address where there is none',
    spec: { allocations: { forceOutgoingIp: true } },
    field: 'spec.allocations.default',
    reason: 'FieldValueRequired',
    message: /^Required value: forceOutgoingIp needs the address to leave from$/,
  },
  {
    what: 'a uuid of another version',
    spec: { uuid: '3f1c9c9e-6c1c-1d39-8f0a-6f2f4f8c1d2e' },
    field: 'spec.uuid',
    reason: 'FieldValueInvalid',
    message: /must be a UUID of version 4 in lower case/,
  },
  {
    what: 'a relative mount',
    spec: { mounts: [{ source: 'data', target: '/x' }] },
    field: 'spec.mounts[0].source',
    reason: 'FieldValueInvalid',
    message: /^Invalid value: "data": must be an absolute path$/,
  },
  {
    what: 'a mount from above',
    spec: { mounts: [{ source: '/srv/../etc', target: '/x' }] },
    field: 'spec.mounts[0].source',
    reason: 'FieldValueInvalid',
    message: /must not contain ".."$/,
  },
  {
    what: 'a mount to above',
    spec: { mounts: [{ source: '/srv', target: '/x/y/..' }] },
    field: 'spec.mounts[0].target',
    reason: 'FieldValueInvalid',
    message: /must not contain ".."$/,
  },
  {
    what: 'a mount over the root of the container',
    spec: { mounts: [{ source: '/srv', target: '/.//' }] },
    field: 'spec.mounts[0].target',
    reason: 'FieldValueForbidden',
    message: /^Forbidden: \/ is taken in every container$/,
  },
  {
    what: 'two mounts at one place',
    spec: {
      mounts: [
        { source: '/a', target: '/x' },
        { source: '/b', target: '/x/' },
      ],
    },
    field: 'spec.mounts[1].target',
    reason: 'FieldValueDuplicate',
    message: /^Duplicate value: "\/x\/": spec.mounts\[0\] has it already$/,
  },
  {
    what: 'NUL in a path',
    spec: { mounts: [{ source: '/a\0', target: '/x' }] },
    field: 'spec.mounts[0].source',
    reason: 'FieldValueInvalid',
    message: /must not contain NUL$/,
  },
  {
    what: 'NUL in a value of the environment',
    spec: { environment: { A: 'b\0c' } },
    field: 'spec.environment[A]',
    reason: 'FieldValueInvalid',
    message: /^Invalid value: must not contain NUL$/,
  },
  {
    what: 'NUL in the start command',
    spec: { invocation: 'a\0b' },
    field: 'spec.invocation',
    reason: 'FieldValueInvalid',
    message: /must not contain NUL$/,
  },
  {
    what: 'a name of the environment with =',
    spec: { environment: { 'A=B': 'c' } },
    field: 'spec.environment[A=B]',
    reason: 'FieldValueInvalid',
    message: /the name must not be empty nor hold =/,
  },
  {
    what: 'a name of the environment that is empty',
    spec: { environment: { '': 'c' } },
    field: 'spec.environment[]',
    reason: 'FieldValueInvalid',
    message: /the name must not be empty/,
  },
  {
    what: 'a variable longer than an argument may be',
    spec: { environment: { A: 'x'.repeat(128 * 1024) } },
    field: 'spec.environment[A]',
    reason: 'FieldValueInvalid',
    message: /must not be longer than 131071 bytes with its name$/,
  },
  {
    what: 'a range of cores that runs backwards',
    spec: { limits: { threads: '0,3-1' } },
    field: 'spec.limits.threads',
    reason: 'FieldValueInvalid',
    message: /3-1 is not a range of cores$/,
  },
  {
    what: 'a core that no machine has',
    spec: { limits: { threads: '8192' } },
    field: 'spec.limits.threads',
    reason: 'FieldValueInvalid',
    message: /8192 is not a range of cores$/,
  },
  {
    what: 'no list of cores',
    spec: { limits: { threads: '0-' } },
    field: 'spec.limits.threads',
    reason: 'FieldValueInvalid',
    message: /must be a list of cores such as 0-1,3$/,
  },
  {
    what: 'another node',
    spec: { nodeName: 'node-2' },
    field: 'spec.nodeName',
    reason: 'FieldValueNotSupported',
    message: /^Unsupported value: "node-2": supported values: "node-1"$/,
  },
];
