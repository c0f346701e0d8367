// What no two servers may share: a uuid, an address with its port, a name; however many ask at the same time.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InvalidError } from '../../../src/resources/errors.ts';
import { AlreadyExistsError } from '../../../src/store/errors.ts';
import { AdmissionBench, causesOf, uuidOf } from '../../support/an-admission.ts';

const uuid = uuidOf(900);

function at(ip: string, port = 25565): Record<string, unknown> {
  return { allocations: { default: { ip, port } } };
}

test('a uuid that is taken is refused with its holder (covers: SEC-26)', async () => {
  const bench = new AdmissionBench();
  await bench.create('a', { uuid });
  assert.deepEqual(await causesOf(bench.create('b', { uuid })), [
    {
      field: 'spec.uuid',
      reason: 'FieldValueDuplicate',
      message: `Duplicate value: "${uuid}": server "a" has it`,
    },
  ]);
  assert.equal((await bench.store.list('Server')).items.length, 1);
});

test('a uuid and a node never change', async () => {
  const bench = new AdmissionBench();
  await bench.create('a', { uuid });
  for (const [field, value] of [
    ['uuid', uuidOf(901)],
    ['nodeName', 'node-2'],
  ]) {
    const [cause] = await causesOf(bench.patch('a', { spec: { [field!]: value } }));
    assert.deepEqual(cause, {
      field: `spec.${field}`,
      reason: 'FieldValueInvalid',
      message: `Invalid value: "${value}": field is immutable`,
    });
  }
  const { spec } = await bench.update({ metadata: { name: 'a' }, spec: { image: 'other' } });
  assert.deepEqual([spec.uuid, spec.image], [uuid, 'other']);
});

describe('a port that is another server’s', () => {
  const cases: [held: string, wanted: string, refused: boolean][] = [
    ['192.0.2.1', '192.0.2.1', true],
    ['192.0.2.1', '192.0.2.2', false],
    ['0.0.0.0', '192.0.2.1', true],
    ['192.0.2.1', '0.0.0.0', true],
    ['0.0.0.0', '0.0.0.0', true],
    ['::', '2001:db8::1', true],
    ['2001:db8:0::1', '2001:DB8::0:1', true],
    ['::ffff:192.0.2.1', '192.0.2.1', true],
    ['0.0.0.0', '::', false],
    ['::', '192.0.2.1', false],
  ];
  for (const [held, wanted, refused] of cases) {
    test(`${wanted} beside ${held} is ${refused ? 'refused' : 'free'}`, async () => {
      const bench = new AdmissionBench();
      await bench.create('a', { allocations: { additional: [{ ip: held, port: 25565 }] } });
      await bench.create('b');
      if (!refused) return void (await bench.create('c', at(wanted)));
      const cause = {
        field: 'spec.allocations.default.port',
        reason: 'FieldValueDuplicate',
        message: 'Duplicate value: 25565: server "a" has it',
      };
      assert.deepEqual(await causesOf(bench.create('c', at(wanted))), [cause]);
      assert.deepEqual(await causesOf(bench.patch('b', { spec: at(wanted) })), [cause]);
      await bench.create('d', at(wanted, 25566));
    });
  }
});

test('port 0 is no port, so it is never taken', async () => {
  const bench = new AdmissionBench();
  await bench.create('a', at('0.0.0.0', 0));
  await bench.create('b', at('0.0.0.0', 0));
});

test('a server may keep what is its own, and what it gave up is free', async () => {
  const bench = new AdmissionBench();
  await bench.create('a', at('192.0.2.1'));
  await bench.patch('a', { spec: at('0.0.0.0') });
  await causesOf(bench.create('b', at('192.0.2.1')));
  await bench.patch('a', { spec: { allocations: null } });
  await bench.create('b', at('192.0.2.1'));
});

for (const { what, spec, field } of [
  { what: 'one uuid', spec: { uuid }, field: 'spec.uuid' },
  { what: 'one port', spec: at('0.0.0.0'), field: 'spec.allocations.default.port' },
]) {
  test(`of parallel creations with ${what} exactly one wins`, async () => {
    const bench = new AdmissionBench();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, index) => bench.create(`s${index}`, spec)),
    );
    const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    assert.equal(refusals.length, 19);
    for (const refusal of refusals) {
      assert.ok(refusal instanceof InvalidError);
      assert.deepEqual(
        refusal.causes.map((cause) => cause.field),
        [field],
      );
    }
    assert.equal((await bench.store.list('Server')).items.length, 1);
  });
}

test('of parallel changes to one port exactly one wins', async () => {
  const bench = new AdmissionBench();
  const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
  for (const name of names) await bench.create(name);
  const outcomes = await Promise.allSettled(names.map((name) => bench.patch(name, { spec: at('0.0.0.0') })));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('of parallel creations with one name exactly one wins', async () => {
  const bench = new AdmissionBench();
  const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => bench.create('a')));
  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  assert.equal(refusals.length, 9);
  assert.ok(refusals.every((refusal) => refusal instanceof AlreadyExistsError));
});

test('a change that takes nothing new does not look at the other servers', async () => {
  const bench = new AdmissionBench();
  await bench.create('a', at('0.0.0.0'));
  bench.store.list = () => assert.fail('the servers were listed');
  await bench.patch('a', { spec: { power: { desired: 'Running' } } });
  await bench.patch('a', { spec: { image: 'other' } });
});
