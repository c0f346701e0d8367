// Keys that mean something to JavaScript are data like any other, or refused; they change nothing outside their object.
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { UnknownFieldsError } from '../../../src/resources/errors.ts';
import { AdmissionBench, causesOf, writeContext } from '../../support/an-admission.ts';

afterEach(() => {
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.equal(([] as unknown as Record<string, unknown>)['polluted'], undefined);
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});

const lenient = writeContext({ fieldValidation: 'Ignore' });
const text = '{"__proto__":"a","constructor":"b","prototype":"c","toString":"d","hasOwnProperty":"e"}';
const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];

function parsed(json: string): Record<string, unknown> {
  return JSON.parse(json) as Record<string, unknown>;
}

test('in environment and container labels they are plain data (covers: SEC-95)', async () => {
  const bench = new AdmissionBench();
  const spec = { environment: parsed(text), containerLabels: parsed(text) };
  const created = await bench.create('a', spec);
  const patched = await bench.patch('a', { spec: { environment: parsed('{"__proto__":"z"}') } });
  for (const server of [created, await bench.read('a')]) {
    assert.deepEqual(Object.keys(server.spec.environment).toSorted(), keys.toSorted());
    assert.equal(Object.getPrototypeOf(server.spec.environment), Object.prototype);
  }
  assert.match(JSON.stringify(patched.spec.environment), /"__proto__":"z"/);
  assert.match(JSON.stringify(created.spec.containerLabels), /"__proto__":"a"/);
});

test('objects under such keys are of the wrong type, with their field (covers: SEC-95)', async () => {
  const bench = new AdmissionBench();
  for (const key of keys) {
    const environment = parsed(`{"${key}":{"polluted":true}}`);
    const [cause] = await causesOf(bench.create('a', { environment }));
    assert.deepEqual([cause?.field, cause?.reason], [`spec.environment[${key}]`, 'FieldValueTypeInvalid']);
  }
});

test('as labels and annotations they follow the rules for names', async () => {
  const bench = new AdmissionBench();
  for (const field of ['labels', 'annotations']) {
    const input = { metadata: { name: 'a', [field]: parsed('{"__proto__":"x"}') }, spec: { image: 'game' } };
    const [cause] = await causesOf(bench.admission.create('Server', input, lenient));
    assert.deepEqual([cause?.field, cause?.reason], [`metadata.${field}`, 'FieldValueInvalid']);
  }
  const metadata = { name: 'a', labels: { constructor: 'x' }, annotations: { prototype: 'y' } };
  const server = await bench.admission.create('Server', { metadata, spec: { image: 'game' } }, lenient);
  assert.deepEqual(server.metadata.labels, { constructor: 'x' });
});

test('where the schema has no such field they are unknown fields (covers: SEC-95)', async () => {
  const bench = new AdmissionBench();
  const places = [
    '{"KEY":{"polluted":true},"spec":{"image":"game"}}',
    '{"spec":{"image":"game","KEY":{"polluted":true}}}',
    '{"spec":{"image":"game","limits":{"KEY":{"polluted":true}}}}',
    '{"spec":{"image":"game","egg":{"stop":{"KEY":{"polluted":true}}}}}',
    '{"metadata":{"KEY":{"polluted":true}},"spec":{"image":"game"}}',
  ];
  for (const [index, place] of places.entries()) {
    for (const key of ['__proto__', 'constructor', 'prototype']) {
      const named = () => {
        const input = parsed(place.replace('KEY', key));
        (input['metadata'] as Record<string, unknown> | undefined) ??= {};
        (input['metadata'] as Record<string, unknown>)['name'] = `a${index}-${keys.indexOf(key)}`;
        return input;
      };
      await assert.rejects(bench.admission.create('Server', named(), writeContext()), (error: unknown) => {
        assert.ok(error instanceof UnknownFieldsError);
        assert.equal(error.fields.length, 1);
        assert.ok(error.fields[0]!.endsWith(key));
        return true;
      });
      const server = await bench.admission.create('Server', named(), lenient);
      assert.doesNotMatch(JSON.stringify(server), /polluted/);
    }
  }
});

test('a patch cannot reach a prototype either (covers: SEC-95)', async () => {
  const bench = new AdmissionBench();
  await bench.create('a');
  for (const patch of [
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"spec":{"__proto__":{"polluted":true}}}',
    '{"metadata":{"__proto__":{"polluted":true}}}',
  ]) {
    const server = await bench.patch('a', parsed(patch), lenient);
    assert.doesNotMatch(JSON.stringify(server), /polluted/);
    await bench.admission.patchStatus('Server', 'a', parsed(patch), lenient);
  }
  const status = parsed('{"status":{"__proto__":{"polluted":true},"state":"offline"}}');
  const server = await bench.admission.patchStatus('Server', 'a', status, lenient);
  assert.deepEqual(server.status, { state: 'offline' });
});
