// Whose object it is decides who may write what of it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { unlistedCondition } from '../../../src/resources/listed.ts';
import { AdmissionBench, asManifest, asPanel, causesOf, writeContext } from '../../support/an-admission.ts';

async function ofPanel(): Promise<AdmissionBench> {
  const bench = new AdmissionBench();
  await bench.create('a', {}, asPanel);
  return bench;
}

const theirs = {
  name: 'ForbiddenError',
  message: 'this server belongs to the Panel: only spec.power, labels and annotations can be changed here',
};

describe('of a Panel’s server a user may change', () => {
  const allowed: [what: string, patch: Record<string, unknown>][] = [
    ['power', { spec: { power: { desired: 'Running' } } }],
    ['labels', { metadata: { labels: { a: 'b' } } }],
    ['annotations', { metadata: { annotations: { a: 'b' } } }],
    ['what stays as it is', { spec: { image: 'game', limits: { memory: 0 }, owner: { kind: 'User' } } }],
  ];
  for (const [what, patch] of allowed) {
    test(what, async () => {
      const bench = await ofPanel();
      const { spec } = await bench.patch('a', patch);
      assert.deepEqual(spec.owner, asPanel.owner);
    });
  }
});

describe('of a Panel’s server a user may not change', () => {
  const refused: [what: string, patch: Record<string, unknown>][] = [
    ['the image', { spec: { image: 'other' } }],
    ['a limit', { spec: { limits: { memory: 1 } } }],
    ['suspension', { spec: { suspended: true } }],
    ['the fate of its data', { spec: { reclaimPolicy: 'Delete' } }],
    ['finalizers', { metadata: { finalizers: ['aileron.dev/server', 'example.com/mine'] } }],
    [
      'owners',
      { metadata: { ownerReferences: [{ apiVersion: 'aileron.dev/v1', kind: 'Server', name: 'b', uid: 'u' }] } },
    ],
    ['the image beside power', { spec: { image: 'other', power: { desired: 'Running' } } }],
  ];
  for (const [what, patch] of refused) {
    test(what, async () => {
      const bench = await ofPanel();
      const before = await bench.state();
      await assert.rejects(bench.patch('a', patch), theirs);
      assert.deepEqual(await bench.state(), before);
      await bench.patch('a', patch, asPanel);
    });
  }

  test('anything by leaving it out', async () => {
    const bench = new AdmissionBench();
    await bench.create('a', { limits: { memory: 512 } }, asPanel);
    await assert.rejects(bench.update({ metadata: { name: 'a' }, spec: { image: 'game' } }), theirs);
  });

  test('its status', async () => {
    const bench = await ofPanel();
    const message = 'this server belongs to the Panel: its status is written by this node alone';
    const { admission } = bench;
    const status = { state: 'running' };
    const before = await bench.state();
    const patch = admission.patchStatus('Server', 'a', { status }, writeContext());
    await assert.rejects(patch, { name: 'ForbiddenError', message });
    const object = { ...(await bench.read('a')), status };
    await assert.rejects(admission.updateStatus('Server', 'a', object, writeContext()), { message });
    assert.deepEqual(await bench.state(), before);
  });

  test('that it is there', async () => {
    const bench = await ofPanel();
    const message = 'this server belongs to the Panel: delete it there';
    for (const context of [writeContext(), asManifest, writeContext({ dryRun: true })]) {
      const deletion = bench.admission.delete('Server', 'a', {}, context);
      await assert.rejects(deletion, { name: 'ForbiddenError', message });
    }
    assert.equal((await bench.read('a')).metadata.deletionTimestamp, undefined);
    const gone = await bench.admission.delete('Server', 'a', {}, asPanel);
    assert.ok(gone.metadata.deletionTimestamp);
  });
});

test('what the Panel lists no more it cannot delete, so others may', async () => {
  const bench = await ofPanel();
  const server = await bench.read('a');
  const conditions = [{ ...unlistedCondition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
  await bench.store.updateStatus({ ...server, status: { ...server.status, conditions } });
  await assert.rejects(bench.patch('a', { spec: { image: 'other' } }), theirs);
  assert.ok((await bench.admission.delete('Server', 'a', {}, writeContext())).metadata.deletionTimestamp);
});

test('a replacement that leaves finalizers and owners out leaves them as they are', async () => {
  const bench = await ofPanel();
  const { spec } = await bench.read('a');
  const power = { desired: 'Running' };
  const server = await bench.update({ metadata: { name: 'a', labels: { a: 'b' } }, spec: { ...spec, power } });
  assert.deepEqual(server.metadata.finalizers, ['aileron.dev/server']);
});

test('a manifest cannot take a Panel’s server', async () => {
  const bench = await ofPanel();
  await assert.rejects(bench.patch('a', { spec: { image: 'other' } }, asManifest), theirs);
});

test('a manifest takes a user’s server over, and a user’s change leaves it with the manifest', async () => {
  const bench = new AdmissionBench();
  await bench.create('a');
  assert.deepEqual((await bench.patch('a', { spec: { image: 'b' } }, asManifest)).spec.owner, asManifest.owner);
  const another = writeContext({ by: 'another', owner: { kind: 'User', ref: 'another' } });
  assert.deepEqual((await bench.patch('a', { spec: { image: 'c' } }, another)).spec.owner, asManifest.owner);
  const read = await bench.read('a');
  assert.deepEqual((await bench.update(read, another)).spec.owner, asManifest.owner);
});

test('a mistake is told before it is said whose the object is', async () => {
  const bench = await ofPanel();
  const [cause] = await causesOf(bench.patch('a', { spec: { image: 'NOT' } }));
  assert.equal(cause?.field, 'spec.image');
});
