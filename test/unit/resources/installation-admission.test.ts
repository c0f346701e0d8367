// Which installations there may be, and what has to wait for one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asPanel, causesOf, uuidOf, writeContext } from '../../support/an-admission.ts';
import { type OperationBench, withBackup } from '../../support/an-operation-bench.ts';

const conflict = (message: string) => ({ name: 'OperationConflictError', message });
const installationRuns = conflict('An installation is already running for this server');
const script = { image: 'alpine:3', entrypoint: 'sh', script: 'true' };

function install(
  bench: OperationBench,
  name: string,
  spec: Record<string, unknown> = { script },
  context = writeContext(),
) {
  const input = { metadata: { name }, spec: { serverRef: { name: 'lobby' }, ...spec } };
  return bench.admission.create('Installation', input, context);
}

test('an installation is stamped with who it is and its server', async () => {
  const bench = await withBackup();
  const server = await bench.read('lobby');
  const { metadata, spec } = await install(bench, 'i');
  assert.deepEqual(metadata.finalizers, ['aileron.dev/installation']);
  assert.deepEqual(spec, {
    uuid: uuidOf(3),
    nodeName: 'node-1',
    owner: { kind: 'User', ref: 'tester' },
    serverRef: { name: 'lobby', uuid: server.spec.uuid },
    reinstall: false,
    startOnCompletion: false,
    script,
    cancel: false,
    ttlSecondsAfterFinished: 86_400,
  });
});

test('a server without a Panel needs a script, or to be told that there is none', async () => {
  const bench = await withBackup();
  const [cause] = await causesOf(install(bench, 'i', {}));
  assert.deepEqual([cause?.field, cause?.reason], ['spec.script', 'FieldValueRequired']);
  await install(bench, 'i', { skip: true });
});

test('the Panel of a server is asked for the script', async () => {
  const bench = await withBackup();
  await bench.create('panels', {}, asPanel);
  await install(bench, 'i', { serverRef: { name: 'panels' } }, asPanel);
});

test('one at a time, and none beside a backup or a restore', async () => {
  const bench = await withBackup();
  await install(bench, 'i');
  await assert.rejects(install(bench, 'j'), installationRuns);
  await assert.rejects(bench.backup('b'), installationRuns);
  await assert.rejects(bench.restore('r'), installationRuns);
  await bench.status('Installation', 'i', { phase: 'Completed' });
  await bench.backup('b');
  await assert.rejects(install(bench, 'j'), conflict('A backup operation is already running for this server'));
  await bench.status('Backup', 'b', { phase: 'Completed' });
  await bench.restore('r');
  await assert.rejects(install(bench, 'j'), conflict('A restore operation is already running for this server'));
  await bench.status('Restore', 'r', { phase: 'Failed' });
  await install(bench, 'j');
});

test('a server that is deleted, or is not there, is not installed', async () => {
  const bench = await withBackup();
  const [cause] = await causesOf(install(bench, 'i', { script, serverRef: { name: 'none' } }));
  assert.equal(cause?.reason, 'FieldValueNotFound');
  await bench.remove('Server', 'lobby');
  await assert.rejects(install(bench, 'i'), conflict('this server is being deleted'));
});

test('what runs is not changed, only called off, and that for good', async () => {
  const bench = await withBackup();
  await install(bench, 'i');
  for (const [field, value] of Object.entries({
    reinstall: true,
    startOnCompletion: true,
    script: { ...script, script: 'rm -rf /mnt/server' },
    skip: true,
  })) {
    const [cause] = await causesOf(bench.change('Installation', 'i', { [field]: value }));
    assert.deepEqual([cause?.field, cause?.message.endsWith('field is immutable')], [`spec.${field}`, true]);
  }
  await bench.change('Installation', 'i', { cancel: true });
  assert.equal((await causesOf(bench.change('Installation', 'i', { cancel: false }))).length, 1);
});

test('what the Panel has asked for is the Panel’s', async () => {
  const bench = await withBackup();
  await install(bench, 'i', { script }, asPanel);
  await assert.rejects(bench.change('Installation', 'i', { cancel: true }), { name: 'ForbiddenError' });
  await assert.rejects(bench.remove('Installation', 'i'), { name: 'ForbiddenError' });
  await bench.change('Installation', 'i', { cancel: true }, asPanel);
});

test('no power action while an installation has the server', async () => {
  const bench = await withBackup();
  const claim = { kind: 'Installation', name: 'i', uid: 'u', since: '2026-01-01T00:00:00Z' };
  await bench.status('Server', 'lobby', { claim });
  const refused = { name: 'PowerConflictError', message: 'server is currently installing' };
  for (const action of ['start', 'stop', 'restart', 'kill']) {
    await assert.rejects(bench.patch('lobby', { spec: { power: { request: { action } } } }), refused);
  }
  await assert.rejects(bench.patch('lobby', { spec: { power: { desired: 'Running' } } }), refused);
  await bench.patch('lobby', { spec: { invocation: 'other' } });
});
