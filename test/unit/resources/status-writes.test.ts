// The status subresource: checked like a spec, and nothing but status is written through it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AdmissionBench, causesOf, writeContext } from '../../support/an-admission.ts';

const context = writeContext();

async function withServer(): Promise<AdmissionBench> {
  const bench = new AdmissionBench();
  await bench.create('a');
  return bench;
}

test('only the status of what comes in is written', async () => {
  const bench = await withServer();
  const { status: _, ...before } = await bench.read('a');
  const input = { metadata: { name: 'b', labels: { x: 'y' }, finalizers: [] }, spec: { image: 7 } };
  const { admission } = bench;
  const replaced = await admission.updateStatus('Server', 'a', { ...input, status: { state: 'running' } }, context);
  const patched = await admission.patchStatus('Server', 'a', { ...input, status: { crashCount: 1 } }, context);
  for (const { status, ...server } of [replaced, patched]) {
    const metadata = { ...server.metadata, resourceVersion: before.metadata.resourceVersion };
    assert.deepEqual({ ...server, metadata }, before);
  }
  assert.deepEqual(patched.status, { state: 'running', crashCount: 1 });
});

test('a patch removes what it says is null; a replacement without status empties it', async () => {
  const bench = await withServer();
  const { admission } = bench;
  const status = { state: 'running', exit: { code: 1, oomKilled: false } };
  await admission.updateStatus('Server', 'a', { metadata: {}, status }, context);
  const patched = await admission.patchStatus('Server', 'a', { status: { exit: null } }, context);
  assert.deepEqual(patched.status, { state: 'running' });
  const emptied = await admission.updateStatus('Server', 'a', { metadata: {} }, context);
  assert.equal(emptied.status, undefined);
});

test('a status is checked', async () => {
  const bench = await withServer();
  const before = await bench.state();
  const condition = { type: 'Ready', status: 'True', reason: 'Up', message: '', lastTransitionTime: 'yesterday' };
  const cases: [status: unknown, field: string, reason: string][] = [
    ['running', 'status', 'FieldValueTypeInvalid'],
    [{ state: 'dancing' }, 'status.state', 'FieldValueNotSupported'],
    [{ crashCount: 'many' }, 'status.crashCount', 'FieldValueTypeInvalid'],
    [{ exit: { code: 1 } }, 'status.exit.oomKilled', 'FieldValueRequired'],
    [{ conditions: [condition] }, 'status.conditions[0].lastTransitionTime', 'FieldValueInvalid'],
    [{ lastCrashAt: '2026-02-30T00:00:00Z' }, 'status.lastCrashAt', 'FieldValueInvalid'],
  ];
  for (const [status, field, reason] of cases) {
    for (const write of [
      () => bench.admission.updateStatus('Server', 'a', { metadata: {}, status }, context),
      () => bench.admission.patchStatus('Server', 'a', { status }, context),
    ]) {
      const causes = await causesOf(write());
      assert.deepEqual(
        causes.map((cause) => [cause.field, cause.reason]),
        [[field, reason]],
      );
    }
  }
  assert.deepEqual(await bench.state(), before);
});
