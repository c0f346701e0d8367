// What a Server may not be: each mistake is refused with its field and reason in the words of a Kubernetes API server,
// and leaves the store as it was.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UnknownFieldsError } from '../../../src/resources/errors.ts';
import { AdmissionBench, causesOf, uuidOf, writeContext } from '../../support/an-admission.ts';
import { mistakes } from './server-mistakes.ts';

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
  const [cause] = await causesOf(bench.create('a', { suspended: 'x'.repeat(100_000) }));
  assert.ok(cause!.message.length < 300);
  const environment = { ['x'.repeat(100_000)]: [] };
  assert.ok((await causesOf(bench.create('a', { environment })))[0]!.field.length < 300);
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
