// What a Server may not be: each mistake is refused with its field and reason in the words of a Kubernetes API server,
// and leaves the store as it was.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UnknownFieldsError } from '../../../src/resources/errors.ts';
import { AdmissionBench, causesOf, uuidOf, writeContext } from '../../support/an-admission.ts';

interface Mistake {
  what: string;
  spec: Record<string, unknown>;
  field: string;
  reason: string;
  message: RegExp;
}

const mistakes: Mistake[] = [
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
    message: /^Invalid value: "object": must be of type string: \{"name":"game"\}$/,
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
    spec: { environment: { 'A/B~C': [1] } },
    field: 'spec.environment[A/B~C]',
    reason: 'FieldValueTypeInvalid',
    message: /must be of type string or number or boolean or null/,
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
    message: /must not contain NUL$/,
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

describe('a Server is refused with field and reason, and nothing is stored, for', () => {
  for (const { what, spec, field, reason, message } of mistakes) {
    test(what, async () => {
      const bench = new AdmissionBench();
      const causes = await causesOf(bench.create('a', spec));
      assert.deepEqual(
        causes.map((cause) => [cause.field, cause.reason]),
        [[field, reason]],
      );
      assert.match(causes[0]!.message, message);
      assert.deepEqual((await bench.store.list('Server')).items, []);
    });
  }
});

test('a change is refused as a creation is', async () => {
  const bench = new AdmissionBench();
  await bench.create('a');
  const before = await bench.state();
  for (const { spec, field } of mistakes.filter(({ spec }) => !('image' in spec))) {
    const causes = await causesOf(bench.patch('a', { spec }));
    assert.ok(
      causes.some((cause) => cause.field === field || field.startsWith('spec.nodeName')),
      field,
    );
  }
  assert.deepEqual(await bench.state(), before);
});

test('all mistakes are told at once', async () => {
  const bench = new AdmissionBench();
  const input = { metadata: { name: 'A_' }, spec: { limits: { memory: 'x', io: -1 }, suspended: 1 } };
  const causes = await causesOf(bench.admission.create('Server', input, writeContext()));
  assert.deepEqual(causes.map(({ field }) => field).sort(), [
    'metadata.name',
    'spec.image',
    'spec.limits.io',
    'spec.limits.memory',
    'spec.suspended',
  ]);
});

test('an answer stays short, however many mistakes there are', async () => {
  const bench = new AdmissionBench();
  const additional = Array.from({ length: 20_000 }, () => 0);
  const causes = await causesOf(bench.create('a', { allocations: { additional } }));
  assert.equal(causes.length, 100);
  const fields = Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`field${index}`, 1]));
  await assert.rejects(bench.create('a', fields), (error: UnknownFieldsError) => error.message.length < 10_000);
});

describe('what is no object at all is refused:', () => {
  for (const input of [null, 7, 'text', [], undefined]) {
    test(JSON.stringify(input) ?? 'undefined', async () => {
      const { admission } = new AdmissionBench();
      const context = writeContext();
      for (const write of [
        () => admission.create('Server', input, context),
        () => admission.update('Server', 'a', input, context),
        () => admission.patch('Server', 'a', input as never, context),
        () => admission.updateStatus('Server', 'a', input, context),
        () => admission.patchStatus('Server', 'a', input as never, context),
      ]) {
        const [cause, ...more] = await causesOf(write());
        assert.deepEqual([cause?.field, cause?.reason, more.length], ['', 'FieldValueTypeInvalid', 0]);
      }
    });
  }
});

test('what nests deeper than any object is refused before anything walks it', async () => {
  const bench = new AdmissionBench();
  await bench.create('a');
  const before = await bench.state();
  const nested = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`) as object;
  for (const levels of [65, 20_000]) {
    const context = writeContext({ fieldValidation: 'Ignore' });
    for (const write of [
      () => bench.create('b', nested(levels) as Record<string, unknown>, context),
      () => bench.patch('a', { spec: nested(levels) }, context),
      () => bench.admission.patchStatus('Server', 'a', { status: nested(levels) }, context),
      () => bench.admission.create('Event', { metadata: { name: 'e', annotations: nested(levels) } }, context),
    ]) {
      const [cause] = await causesOf(write());
      assert.match(cause!.message, /must not be nested deeper than 64 levels/);
    }
  }
  assert.deepEqual(await bench.state(), before);
});

describe('a field that the kind does not have is', () => {
  const input = {
    metadata: { name: 'a', colour: 'red' },
    data: {},
    spec: { image: 'game', imgae: 'x', limits: { ram: 1 }, mounts: [{ source: '/a', target: '/b', rw: true }] },
  };
  const fields = ['data', 'metadata.colour', 'spec.imgae', 'spec.limits.ram', 'spec.mounts[0].rw'];

  test('refused when the writer is strict', async () => {
    const { admission, store } = new AdmissionBench();
    await assert.rejects(admission.create('Server', input, writeContext()), (error: unknown) => {
      assert.ok(error instanceof UnknownFieldsError);
      assert.deepEqual(error.fields.toSorted(), fields);
      return true;
    });
    assert.deepEqual((await store.list('Server')).items, []);
  });

  test('warned about, and not stored', async () => {
    const { admission } = new AdmissionBench();
    const warnings: string[] = [];
    const context = writeContext({ fieldValidation: 'Warn', warn: (message) => warnings.push(message) });
    const server = await admission.create('Server', input, context);
    assert.deepEqual(
      warnings.toSorted(),
      fields.map((field) => `unknown field "${field}"`),
    );
    assert.doesNotMatch(JSON.stringify(server), /imgae|"ram"|"rw"|"data"|colour/);
  });

  test('ignored, and not stored', async () => {
    const { admission } = new AdmissionBench();
    const context = writeContext({ fieldValidation: 'Ignore', warn: assert.fail });
    const server = await admission.create('Server', input, context);
    assert.doesNotMatch(JSON.stringify(server), /imgae|"ram"|"rw"|"data"|colour/);
  });

  test('refused in a status too', async () => {
    const bench = new AdmissionBench();
    await bench.create('a');
    const patch = { status: { stat: 'running' } };
    await assert.rejects(bench.admission.patchStatus('Server', 'a', patch, writeContext()), (error: unknown) => {
      assert.ok(error instanceof UnknownFieldsError);
      assert.deepEqual(error.fields, ['status.stat']);
      return true;
    });
  });
});

test('what is allowed but hardly meant is warned about, once', async () => {
  const bench = new AdmissionBench();
  const warnings: string[] = [];
  const spec = {
    egg: { done: ['regex:('], stop: { type: 'signal', value: 'SIGNOPE' } },
    environment: { a: 1, A: 2, TZ: 'UTC' },
    limits: { swap: 1 },
  };
  await bench.create('a', spec, writeContext({ warn: (message) => warnings.push(message) }));
  assert.equal(warnings.length, 5);
  const expected = [
    /no RE2 expression/,
    /no signal/,
    /TZ is set by the node/,
    /becomes A in upper/,
    /no effect without/,
  ];
  for (const [index, text] of expected.entries()) assert.match(warnings[index] ?? '', text);
});

test('uuids that are no canonical ones of version 4 are refused (covers: SEC-26)', async () => {
  const bench = new AdmissionBench();
  const uuid = uuidOf(900);
  for (const bad of [
    '3F1C9C9E-6C1C-4D39-8F0A-6F2F4F8C1D2E',
    `{${uuid}}`,
    `urn:uuid:${uuid}`,
    uuid.replaceAll('-', ''),
    `${uuid}0`,
    `${uuid}\n`,
    `${uuid}\0`,
    uuid.slice(1),
    '../../../etc/passwd-000000000000000',
    '..%2f..%2fetc',
    '00000000-0000-1000-8000-000000000001',
    '00000000-0000-4000-c000-000000000001',
    '',
  ]) {
    const [cause] = await causesOf(bench.create('a', { uuid: bad }));
    assert.deepEqual([cause?.field, cause?.reason], ['spec.uuid', 'FieldValueInvalid'], bad);
  }
  assert.deepEqual((await bench.store.list('Server')).items, []);
  assert.equal((await bench.create('a', { uuid })).spec.uuid, uuid);
});

test('images that are no references are refused (covers: SEC-85)', async () => {
  const bench = new AdmissionBench();
  for (const image of [
    '-v/:/x',
    '--privileged',
    'game image',
    ' game',
    'game\n',
    'game\0',
    'Game',
    'game:',
    'game@sha256:1',
    'game@',
    '../game',
    'a//b',
    '~',
    '~~game',
    'http://registry.example/game',
    '$(id)',
  ]) {
    const [cause] = await causesOf(bench.create('a', { image }));
    assert.deepEqual([cause?.field, cause?.reason], ['spec.image', 'FieldValueInvalid'], image);
  }
  const [long] = await causesOf(bench.create('a', { image: 'x'.repeat(5 * 1024) }));
  assert.deepEqual([long?.field, long?.reason], ['spec.image', 'FieldValueTooLong']);
  assert.ok(long!.message.length < 200);
  assert.deepEqual((await bench.store.list('Server')).items, []);
});
