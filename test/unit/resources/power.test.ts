// Power as a wish: what makes a new request, what does not, who may make one and when it is refused.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { PowerConflictError } from '../../../src/resources/errors.ts';
import { powerBusyText, suspendedText } from '../../../src/resources/power.ts';
import type { Server } from '../../../src/resources/server.ts';
import { AdmissionBench, asManifest, causesOf, uuidOf, writeContext } from '../../support/an-admission.ts';

type Power = Server['spec']['power'];

/** A server at rest: its last request, if there was one, has come to its end. */
async function benchWith(power: object = {}): Promise<{ bench: AdmissionBench; before: Power }> {
  const bench = new AdmissionBench();
  const server = await bench.create('a', { power });
  await bench.finishRequest('a');
  return { bench, before: server.spec.power };
}

const busy = { name: 'PowerConflictError', message: powerBusyText };

describe('a creation', () => {
  const cases: [stated: object | undefined, desired: string, action: string | undefined][] = [
    [undefined, 'Stopped', undefined],
    [{}, 'Stopped', undefined],
    [{ desired: 'Stopped' }, 'Stopped', undefined],
    [{ desired: 'Running' }, 'Running', 'start'],
    [{ request: { action: 'start' } }, 'Running', 'start'],
    [{ request: { action: 'restart' } }, 'Running', 'restart'],
    [{ desired: 'Stopped', request: { action: 'kill' } }, 'Stopped', 'kill'],
  ];
  for (const [stated, desired, action] of cases) {
    test(`with ${JSON.stringify(stated)} is ${desired}${action ? `, by ${action}` : ''}`, async () => {
      const bench = new AdmissionBench();
      const { spec } = await bench.create('a', stated ? { power: stated } : {});
      const request = { id: uuidOf(2), action, at: '2026-01-01T00:00:00Z', by: 'tester' };
      assert.deepEqual(spec.power, action ? { desired, request } : { desired });
    });
  }
});

describe('a patch', () => {
  const cases: [from: string, patch: object | null, desired: string, action: string | undefined][] = [
    ['Running', { desired: 'Stopped' }, 'Stopped', 'stop'],
    ['Stopped', { desired: 'Running' }, 'Running', 'start'],
    ['Running', { desired: 'Running' }, 'Running', undefined],
    ['Stopped', { desired: 'Stopped' }, 'Stopped', undefined],
    ['Running', { request: { action: 'restart' } }, 'Running', 'restart'],
    ['Running', { request: { action: 'stop' } }, 'Stopped', 'stop'],
    ['Running', { request: { action: 'start' } }, 'Running', 'start'],
    ['Running', { request: { action: 'kill' } }, 'Stopped', 'kill'],
    ['Running', { desired: 'Stopped', request: { action: 'kill' } }, 'Stopped', 'kill'],
    ['Stopped', { request: { action: 'restart' } }, 'Running', 'restart'],
    ['Running', {}, 'Running', undefined],
    ['Running', null, 'Running', undefined],
    ['Running', { desired: null }, 'Running', undefined],
    ['Running', { request: null }, 'Running', undefined],
  ];
  for (const [from, patch, desired, action] of cases) {
    test(`of ${from} with ${JSON.stringify(patch)} is ${action ? `a request to ${action}` : 'no request'}`, async () => {
      const { bench, before } = await benchWith({ desired: from });
      const { spec } = await bench.patch('a', { spec: { power: patch } });
      if (!action) return assert.deepEqual(spec.power, before);
      assert.equal(spec.power.desired, desired);
      assert.equal(spec.power.request?.action, action);
      assert.notEqual(spec.power.request.id, before.request?.id);
    });
  }
});

describe('a replacement', () => {
  const cases: [what: string, power: (before: Power) => unknown, action: string | undefined][] = [
    ['that says nothing of power', () => undefined, undefined],
    ['that says null', () => null, undefined],
    ['with nothing in it', () => ({}), undefined],
    ['with nulls in it', () => ({ desired: null, request: null }), undefined],
    ['that repeats what it read', (before) => before, undefined],
    ['that repeats the wish without the request', ({ desired }) => ({ desired }), undefined],
    ['that wants the contrary', (before) => ({ ...before, desired: 'Stopped' }), 'stop'],
    ['that names an action', ({ desired }) => ({ desired, request: { action: 'restart' } }), 'restart'],
    ['that names the same action without its id', () => ({ request: { action: 'start' } }), 'start'],
    ['with another action under the id', (before) => ({ request: { ...before.request, action: 'kill' } }), 'kill'],
  ];
  for (const [what, power, action] of cases) {
    test(`${what} is ${action ? `a request to ${action}` : 'no request'}`, async () => {
      const { bench, before } = await benchWith({ desired: 'Running' });
      const read = await bench.read('a');
      const { spec } = await bench.update({ ...read, spec: { ...read.spec, power: power(before) } });
      if (!action) return assert.deepEqual(spec.power, before);
      assert.equal(spec.power.request?.action, action);
      assert.notEqual(spec.power.request.id, before.request?.id);
    });
  }
});

test('the same action twice is two requests', async () => {
  const { bench } = await benchWith({ desired: 'Running' });
  const restart = { spec: { power: { request: { action: 'restart' } } } };
  const first = await bench.patch('a', restart);
  await bench.finishRequest('a');
  bench.clock.jumpWall(5_000);
  const second = await bench.patch('a', restart, writeContext({ by: 'another' }));
  assert.notEqual(first.spec.power.request?.id, second.spec.power.request?.id);
  assert.deepEqual([second.spec.power.request?.at, second.spec.power.request?.by], ['2026-01-01T00:00:05Z', 'another']);
});

test('id, time and author of a request are ours, whatever a writer says', async () => {
  const forged = { id: 'forged', at: '2001-01-01T00:00:00Z', by: 'somebody' };
  const bench = new AdmissionBench();
  const created = await bench.create('a', { power: { desired: 'Running', request: { action: 'start', ...forged } } });
  await bench.finishRequest('a');
  const patched = await bench.patch('a', { spec: { power: { request: { action: 'restart', ...forged } } } });
  await bench.finishRequest('a');
  const renamed = await bench.patch('a', { spec: { power: { request: forged } } });
  assert.deepEqual(renamed.spec.power, patched.spec.power);
  const read = await bench.read('a');
  const { request } = read.spec.power;
  const redated = await bench.update({
    ...read,
    spec: { ...read.spec, power: { request: { ...request, ...forged } } },
  });
  for (const server of [created, patched, redated]) {
    assert.match(server.spec.power.request?.id ?? '', /^00000000-/);
    assert.deepEqual(
      [server.spec.power.request?.at, server.spec.power.request?.by],
      ['2026-01-01T00:00:00Z', 'tester'],
    );
  }
});

test('an action that contradicts what is wanted with it is refused', async () => {
  const { bench } = await benchWith();
  const before = await bench.state();
  const power = { desired: 'Running', request: { action: 'stop' } };
  for (const write of [() => bench.patch('a', { spec: { power } }), () => bench.create('b', { power })]) {
    const [cause] = await causesOf(write());
    assert.deepEqual([cause?.field, cause?.reason], ['spec.power.desired', 'FieldValueInvalid']);
  }
  assert.deepEqual(await bench.state(), before);
});

test('while a request is under way another is refused, but not a kill, a deletion or another change', async () => {
  const bench = new AdmissionBench();
  const { spec } = await bench.create('a', { power: { desired: 'Running' } });
  for (const power of [
    { desired: 'Stopped' },
    { request: { action: 'start' } },
    { request: { action: 'stop' } },
    { request: { action: 'restart' } },
  ]) {
    await assert.rejects(bench.patch('a', { spec: { power } }), busy);
  }
  assert.deepEqual((await bench.read('a')).spec.power, spec.power);
  await bench.patch('a', { spec: { image: 'other' } });
  await bench.patch('a', { spec: { power: { desired: 'Running' } } });
  const killed = await bench.patch('a', { spec: { power: { request: { action: 'kill' } } } });
  assert.equal(killed.spec.power.desired, 'Stopped');
  const again = await bench.patch('a', { spec: { power: { request: { action: 'kill' } } } });
  assert.notEqual(again.spec.power.request?.id, killed.spec.power.request?.id);
  await bench.admission.delete('Server', 'a', {}, writeContext());
});

test('a suspended server is not started, and can be stopped', async () => {
  const { bench } = await benchWith();
  await bench.patch('a', { spec: { suspended: true } });
  for (const power of [{ desired: 'Running' }, { request: { action: 'start' } }, { request: { action: 'restart' } }]) {
    await assert.rejects(bench.patch('a', { spec: { power } }), { name: 'PowerConflictError', message: suspendedText });
  }
  await bench.patch('a', { spec: { power: { request: { action: 'stop' } } } });
  await bench.patch('a', { spec: { power: { request: { action: 'kill' } } } });
  await bench.finishRequest('a');
  const { spec } = await bench.patch('a', { spec: { suspended: false, power: { desired: 'Running' } } });
  assert.equal(spec.power.request?.action, 'start');
});

test('a server can be declared suspended and running: it is not started, and the writer is told', async () => {
  const bench = new AdmissionBench();
  const warnings: string[] = [];
  const context = writeContext({ warn: (message) => warnings.push(message) });
  const { spec } = await bench.create('a', { suspended: true, power: { desired: 'Running' } }, context);
  assert.deepEqual(spec.power, { desired: 'Running' });
  assert.deepEqual(warnings, [`spec.power.desired: ${suspendedText}, so it is not started`]);
});

test('of several parallel restarts one wins', async () => {
  const { bench } = await benchWith({ desired: 'Running' });
  const restart = { spec: { power: { request: { action: 'restart' } } } };
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => bench.patch('a', restart)));
  const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  assert.equal(refusals.length, 19);
  for (const refusal of refusals) assert.ok(refusal instanceof PowerConflictError);
});

test('a manifest that is applied again asks for nothing', async () => {
  const bench = new AdmissionBench();
  const object = { metadata: { name: 'a' }, spec: { image: 'game', power: { desired: 'Running' } } };
  await bench.admission.create('Server', object, asManifest);
  await bench.finishRequest('a');
  const before = await bench.state();
  await bench.update(object, asManifest);
  assert.deepEqual(await bench.state(), before);
});
