// What a Restore may bring back, what has to be over before, and until when it can be called off.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asDryRun, asPanel, causesOf, uuidOf, writeContext } from '../../support/an-admission.ts';
import { OperationBench, withBackup } from '../../support/an-operation-bench.ts';
import { settle } from '../../support/fake-clock.ts';

const conflict = (message: string) => ({ name: 'OperationConflictError', message });
const backupRuns = conflict('A backup operation is already running for this server');
const restoreRuns = conflict('A restore operation is already running for this server');

test('a restore is stamped with who it is, its server and its backup', async () => {
  const bench = await withBackup();
  const server = await bench.read('lobby');
  const { metadata, spec } = await bench.restore('r');
  assert.deepEqual(metadata.finalizers, ['aileron.dev/restore']);
  assert.deepEqual(spec, {
    uuid: uuidOf(3),
    nodeName: 'node-1',
    owner: { kind: 'User', ref: 'tester' },
    serverRef: { name: 'lobby', uuid: server.spec.uuid },
    backupRef: { name: 'monday', uuid: uuidOf(2) },
    mode: 'Merge',
    paths: [],
    cancel: false,
    ttlSecondsAfterFinished: 86_400,
  });
});

describe('a backup is restored only when it is a whole one of the same server (covers: SEC-99)', () => {
  const missing = (field: string, value: string) => ({
    field: `spec.backupRef.${field}`,
    reason: 'FieldValueNotFound',
    message: `Not found: ${JSON.stringify(value)}`,
  });

  test('one that is not there, and one of another server, are told in the same words', async () => {
    const bench = await withBackup();
    await bench.create('arena');
    await bench.completed('theirs', { serverRef: { name: 'arena' } });
    for (const name of ['none', 'theirs']) {
      for (const context of [writeContext(), asDryRun]) {
        const causes = await causesOf(bench.restore('r', { backupRef: { name } }, context));
        assert.deepEqual(causes, [missing('name', name)]);
      }
    }
    const uuid = uuidOf(3); // of theirs
    assert.deepEqual(await causesOf(bench.restore('r', { backupRef: { name: 'monday', uuid } })), [
      missing('uuid', uuid),
    ]);
  });

  for (const phase of ['Pending', 'Archiving', 'Failed', 'Cancelled'] as const) {
    test(`one that is ${phase} (backups 15.10)`, async () => {
      const bench = await withBackup();
      await bench.status('Backup', 'monday', { phase });
      const [cause] = await causesOf(bench.restore('r'));
      const message = `Invalid value: "monday": only a completed backup can be restored, this one is ${phase}`;
      assert.deepEqual(cause, { field: 'spec.backupRef.name', reason: 'FieldValueInvalid', message });
    });
  }

  test('one that is being deleted', async () => {
    const bench = await withBackup();
    await bench.remove('Backup', 'monday');
    const [cause] = await causesOf(bench.restore('r'));
    assert.equal(cause?.message, 'Invalid value: "monday": this backup is being deleted');
  });
});

describe('the server of a restore', () => {
  test('has to be there', async () => {
    const bench = await withBackup();
    const [cause] = await causesOf(bench.restore('r', { serverRef: { name: 'none' } }));
    assert.deepEqual([cause?.field, cause?.reason], ['spec.serverRef.name', 'FieldValueNotFound']);
  });

  test('is not suspended', async () => {
    const bench = await withBackup({ suspended: true });
    await assert.rejects(bench.restore('r'), conflict('server is currently in a suspended state'));
  });

  test('is not being deleted', async () => {
    const bench = await withBackup();
    await bench.remove('Server', 'lobby');
    await assert.rejects(bench.restore('r'), conflict('this server is being deleted'));
  });

  test('has no other restore and no backup that has not ended (backups 15.14)', async () => {
    const bench = await withBackup();
    await bench.backup('b');
    await assert.rejects(bench.restore('r'), backupRuns);
    await bench.status('Backup', 'b', { phase: 'Failed' });
    await bench.restore('r');
    await assert.rejects(bench.restore('second'), restoreRuns);
    await bench.status('Restore', 'r', { phase: 'Cancelled' });
    await bench.restore('second');
  });
});

test('of 50 parallel creates of restores one wins, and backups do not get beside it (covers: SEC-101)', async () => {
  const bench = await withBackup();
  const creates = Array.from({ length: 50 }, (_, at) =>
    at % 2 === 0 ? bench.restore(`r${at}`) : bench.backup(`b${at}`),
  );
  const outcomes = await Promise.allSettled(creates);
  const won = outcomes.filter(({ status }) => status === 'fulfilled').length;
  assert.equal(won, 1, 'the first one is a restore');
  const reasons = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [String(outcome.reason)] : []));
  assert.deepEqual([...new Set(reasons)], [`OperationConflictError: ${restoreRuns.message}`]);

  const second = await withBackup();
  const others = await Promise.allSettled([
    ...Array.from({ length: 25 }, (_, at) => second.backup(`b${at}`)),
    ...Array.from({ length: 25 }, (_, at) => second.restore(`r${at}`)),
  ]);
  assert.equal(others.filter(({ status }) => status === 'fulfilled').length, 25, 'the backups, which queue');
});

test('a suspension that is asked for between the look at the server and the restore waits for it', async () => {
  const bench = await withBackup();
  const { get, create } = bench.store;
  let suspension: Promise<unknown> | undefined;
  bench.store.get = async (kind, name) => {
    const read = await get.call(bench.store, kind, name);
    if (kind !== 'Server' || suspension) return read as never;
    suspension = bench.patch('lobby', { spec: { suspended: true } });
    await settle();
    return read as never;
  };
  let wasSuspended: boolean | undefined;
  bench.store.create = async (object) => {
    wasSuspended = (await bench.read('lobby')).spec.suspended;
    return create.call(bench.store, object) as never;
  };
  await bench.restore('r');
  assert.equal(wasSuspended, false);
  await suspension;
  assert.equal((await bench.read('lobby')).spec.suspended, true);
});

test('of one uuid there is one restore', async () => {
  const bench = await withBackup();
  const uuid = uuidOf(700);
  await bench.restore('r', { uuid });
  await bench.status('Restore', 'r', { phase: 'Completed' });
  const [cause] = await causesOf(bench.restore('again', { uuid }));
  assert.equal(cause?.message, `Duplicate value: "${uuid}": restore "r" has it`);
});

describe('a path to restore', () => {
  for (const path of ['/world', '../world', 'world/..', 'a//b', 'world/', './world', '.', 'a\0b']) {
    test(`is refused: ${JSON.stringify(path)}`, async () => {
      const bench = await withBackup();
      const [cause] = await causesOf(bench.restore('r', { paths: ['world', path] }));
      assert.equal(cause?.field, 'spec.paths[1]');
      assert.match(cause?.message ?? '', /must be a relative path without empty parts, "\." and "\.\."$/);
    });
  }
  for (const path of ['world', 'world/region', '..world', 'a...b', ' ', 'C:\\x']) {
    test(`is taken: ${JSON.stringify(path)}`, async () => {
      const bench = await withBackup();
      assert.deepEqual((await bench.restore('r', { paths: [path] })).spec.paths, [path]);
    });
  }

  test('does not go with Truncate', async () => {
    const bench = await withBackup();
    const [cause] = await causesOf(bench.restore('r', { paths: ['world'], mode: 'Truncate' }));
    assert.deepEqual([cause?.field, cause?.reason], ['spec.paths', 'FieldValueForbidden']);
    await bench.restore('r', { mode: 'Truncate' });
  });
});

describe('what a restore is never changes', () => {
  const changes: [field: string, value: unknown][] = [
    ['uuid', uuidOf(77)],
    ['serverRef.name', 'other'],
    ['backupRef.name', 'other'],
    ['backupRef.uuid', uuidOf(78)],
    ['mode', 'Truncate'],
    ['strategy', 'InPlace'],
    ['paths', ['world']],
  ];
  for (const [field, value] of changes) {
    test(field, async () => {
      const bench = await withBackup();
      await bench.restore('r');
      const [first, second] = field.split('.') as [string, string | undefined];
      const spec = second ? { [first]: { [second]: value } } : { [first]: value };
      const [cause] = await causesOf(bench.change('Restore', 'r', spec));
      assert.equal(cause?.field, `spec.${field}`);
      assert.match(cause?.message ?? '', /: field is immutable$/);
    });
  }

  test('but how long it stays may', async () => {
    const bench = await withBackup();
    await bench.restore('r');
    await bench.change('Restore', 'r', { ttlSecondsAfterFinished: 60 });
  });
});

describe('a restore is called off until the files are touched (backups 15.14)', () => {
  for (const step of [undefined, 'Staging', 'Staged', 'Done'] as const) {
    test(`before and after: ${step ?? 'no journal'}`, async () => {
      const bench = await withBackup();
      await bench.restore('r');
      if (step) await bench.status('Restore', 'r', { phase: 'Extracting', journal: { step } });
      await bench.change('Restore', 'r', { cancel: true });
      await bench.remove('Restore', 'r');
    });
  }

  for (const step of ['MovingOld', 'MovingNew', 'Merging', 'RollingBack', 'Extracting'] as const) {
    test(`not at ${step}`, async () => {
      const bench = await withBackup();
      await bench.restore('r');
      await bench.status('Restore', 'r', { phase: 'Committing', journal: { step } });
      const refusal = conflict(
        'the files of the server are being replaced: this restore cannot be cancelled any more and goes on to its end',
      );
      await assert.rejects(bench.change('Restore', 'r', { cancel: true }), refusal);
      await assert.rejects(bench.remove('Restore', 'r'), refusal);
      await bench.change('Restore', 'r', { ttlSecondsAfterFinished: 60 });
      await bench.status('Restore', 'r', { phase: 'Failed' });
      await bench.remove('Restore', 'r');
    });
  }

  test('and stays called off', async () => {
    const bench = await withBackup();
    await bench.restore('r');
    await bench.change('Restore', 'r', { cancel: true });
    const [cause] = await causesOf(bench.change('Restore', 'r', { cancel: false }));
    assert.equal(cause?.field, 'spec.cancel');
    // Nothing new is asked for, so how far it is does not matter.
    await bench.status('Restore', 'r', { journal: { step: 'MovingOld' } });
    await bench.change('Restore', 'r', { cancel: true, ttlSecondsAfterFinished: 60 });
  });
});

test('a Panel’s restore is the Panel’s to call off and to delete', async () => {
  const bench = await withBackup();
  await bench.restore('r', {}, asPanel);
  const message = 'this restore belongs to the Panel: only labels and annotations can be changed here';
  await assert.rejects(bench.change('Restore', 'r', { cancel: true }), { name: 'ForbiddenError', message });
  await assert.rejects(bench.remove('Restore', 'r'), { message: 'this restore belongs to the Panel: delete it there' });
  await bench.change('Restore', 'r', { cancel: true }, asPanel);
});

describe('while a restore has the server', () => {
  const claimed = async (kind: string) => {
    const bench = new OperationBench();
    await bench.create('lobby');
    const claim = { kind, name: 'r', uid: 'u', since: '2026-01-01T00:00:00Z' };
    await bench.status('Server', 'lobby', { claim });
    return bench;
  };
  const refusal = { name: 'PowerConflictError', message: 'server is currently being restored' };

  test('it is not started (backups 15.13)', async () => {
    const bench = await claimed('Restore');
    await assert.rejects(bench.patch('lobby', { spec: { power: { desired: 'Running' } } }), refusal);
    for (const action of ['start', 'restart']) {
      await assert.rejects(bench.patch('lobby', { spec: { power: { request: { action } } } }), refusal);
    }
  });

  test('it may be stopped, killed, suspended and changed (covers: SEC-100)', async () => {
    const bench = await claimed('Restore');
    await bench.patch('lobby', { spec: { power: { request: { action: 'stop' } } } });
    await bench.patch('lobby', { spec: { power: { request: { action: 'kill' } } } });
    const { spec } = await bench.patch('lobby', { spec: { suspended: true, limits: { memory: 1 } } });
    assert.equal(spec.suspended, true);
  });

  test('a backup that has it hinders no start (backups 15.14)', async () => {
    const bench = await claimed('Backup');
    await bench.patch('lobby', { spec: { power: { request: { action: 'start' } } } });
  });
});
