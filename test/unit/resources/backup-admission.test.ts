// What a Backup may be, what of it never changes, and what stands in its way.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { maxIgnoreBytes } from '../../../src/resources/backup.ts';
import { BackupLimitError } from '../../../src/resources/errors.ts';
import { orphanLabel } from '../../../src/resources/listed.ts';
import { ConflictError } from '../../../src/store/errors.ts';
import { asDryRun, asManifest, asPanel, causesOf, uuidOf, writeContext } from '../../support/an-admission.ts';
import { OperationBench, withBackup } from '../../support/an-operation-bench.ts';

const conflict = (message: string) => ({ name: 'OperationConflictError', message });

test('a backup is stamped with who it is, whose it is and which server it is about', async () => {
  const bench = new OperationBench();
  const server = await bench.create('lobby');
  const { metadata, spec } = await bench.backup('b');
  assert.deepEqual(metadata.finalizers, ['aileron.dev/backup']);
  assert.deepEqual(spec, {
    uuid: uuidOf(2),
    nodeName: 'node-1',
    owner: { kind: 'User', ref: 'tester' },
    serverRef: { name: 'lobby', uuid: server.spec.uuid },
    adapter: 'wings',
    ignore: '',
    locked: false,
    cancel: false,
  });
});

test('generateName makes the name', async () => {
  const bench = new OperationBench();
  await bench.create('lobby');
  const input = { metadata: { generateName: 'lobby-' }, spec: { serverRef: { name: 'lobby' } } };
  const { metadata } = await bench.admission.create('Backup', input, writeContext());
  assert.match(metadata.name, /^lobby-[0-9a-f]{5}$/);
});

describe('a server reference that leads nowhere is named', () => {
  const cases: [what: string, ref: Record<string, unknown>, field: string, value: string][] = [
    ['no such server', { name: 'none' }, 'spec.serverRef.name', 'none'],
    ['another uuid', { name: 'lobby', uuid: uuidOf(99) }, 'spec.serverRef.uuid', uuidOf(99)],
  ];
  for (const [what, serverRef, field, value] of cases) {
    test(what, async () => {
      const bench = await withBackup();
      const message = `Not found: ${JSON.stringify(value)}`;
      for (const context of [writeContext(), asDryRun]) {
        assert.deepEqual(await causesOf(bench.backup('b', { serverRef }, context)), [
          { field, reason: 'FieldValueNotFound', message },
        ]);
      }
    });
  }
});

describe('what a backup was made from never changes', () => {
  const changes: [field: string, value: unknown][] = [
    ['uuid', uuidOf(77)],
    ['nodeName', 'node-2'],
    ['serverRef.name', 'other'],
    ['serverRef.uuid', uuidOf(78)],
    ['ignore', '*.log'],
    ['format', 'zstd'],
  ];
  for (const [field, value] of changes) {
    test(field, async () => {
      const bench = await withBackup();
      const [first, second] = field.split('.') as [string, string | undefined];
      const spec = second ? { [first]: { [second]: value } } : { [first]: value };
      assert.deepEqual(await causesOf(bench.change('Backup', 'monday', spec)), [
        {
          field: `spec.${field}`,
          reason: 'FieldValueInvalid',
          message: `Invalid value: ${JSON.stringify(value)}: field is immutable`,
        },
      ]);
    });
  }

  test('but a replacement may leave out what was stamped', async () => {
    const bench = await withBackup();
    const { spec } = (await bench.store.get('Backup', 'monday')) as { spec: unknown };
    const input = { metadata: { name: 'monday' }, spec: { serverRef: { name: 'lobby' }, locked: true } };
    const replaced = await bench.admission.update('Backup', 'monday', input, writeContext());
    assert.deepEqual(replaced.spec, { ...(spec as object), locked: true });
  });
});

test('what was cancelled stays cancelled', async () => {
  const bench = new OperationBench();
  await bench.create('lobby');
  await bench.backup('b');
  await bench.change('Backup', 'b', { cancel: true });
  assert.deepEqual(await causesOf(bench.change('Backup', 'b', { cancel: false })), [
    {
      field: 'spec.cancel',
      reason: 'FieldValueInvalid',
      message: 'Invalid value: false: what was cancelled stays cancelled',
    },
  ]);
  const input = { metadata: { name: 'b' }, spec: { serverRef: { name: 'lobby' } } };
  const replaced = await bench.admission.update('Backup', 'b', input, writeContext());
  assert.equal((replaced.spec as { cancel: boolean }).cancel, true);
});

test('ignore rules are counted in bytes', async () => {
  const bench = new OperationBench();
  await bench.create('lobby');
  await bench.backup('most', { ignore: 'x'.repeat(maxIgnoreBytes) });
  const causes = await causesOf(bench.backup('more', { ignore: 'ü'.repeat(maxIgnoreBytes / 2 + 1) }));
  const message = 'Too long: may not be more than 32768 bytes';
  assert.deepEqual(causes, [{ field: 'spec.ignore', reason: 'FieldValueTooLong', message }]);
});

describe('a locked backup', () => {
  test('is not deleted, and it is said how to unlock it', async () => {
    const bench = await withBackup();
    await bench.change('Backup', 'monday', { locked: true });
    const message = `this backup is locked; to unlock it: kubectl patch backup monday --type=merge -p '{"spec":{"locked":false}}'`;
    for (const context of [writeContext(), asManifest, asDryRun]) {
      await assert.rejects(bench.remove('Backup', 'monday', context), { name: 'ForbiddenError', message });
    }
    await bench.change('Backup', 'monday', { locked: false });
    await bench.remove('Backup', 'monday');
  });

  test('is safe from a deletion that was decided before the lock was written', async () => {
    const bench = await withBackup();
    const { get } = bench.store;
    bench.store.get = async (kind, name) => {
      const read = await get.call(bench.store, kind, name);
      bench.store.get = get;
      await bench.store.patch('Backup', 'monday', { spec: { locked: true } });
      return read as never;
    };
    await assert.rejects(bench.remove('Backup', 'monday'), /this backup is locked/);
  });
});

test('a backup that a restore reads is not deleted', async () => {
  const bench = await withBackup();
  await bench.restore('r');
  await assert.rejects(bench.remove('Backup', 'monday'), conflict('a restore is reading this backup'));
  await bench.status('Restore', 'r', { phase: 'Failed' });
  await bench.remove('Backup', 'monday');
});

describe('how many backups a server may have', () => {
  test('is counted over those under way and completed ones (backups 15.14)', async () => {
    const bench = await withBackup({ backupLimit: 2 });
    await bench.backup('second');
    const message = 'the server "lobby" may have 2 backups (spec.backupLimit) and has 2: delete one first';
    await assert.rejects(bench.backup('third'), { name: 'BackupLimitError', message });
    await bench.status('Backup', 'second', { phase: 'Failed' });
    await bench.backup('third');
    await assert.rejects(bench.backup('fourth'), BackupLimitError);
    await bench.status('Backup', 'third', { phase: 'Cancelled' });
    await bench.backup('fourth');
  });

  test('0 is none, and what is being deleted makes room', async () => {
    const none = new OperationBench();
    await none.create('lobby', { backupLimit: 0 });
    await assert.rejects(none.backup('b'), { message: 'the server "lobby" may have no backups (spec.backupLimit)' });
    const bench = await withBackup({ backupLimit: 1 });
    await assert.rejects(bench.backup('b'), /may have one backup /);
    await bench.remove('Backup', 'monday');
    await bench.backup('b');
  });

  test('does not count those of another server', async () => {
    const bench = await withBackup({ backupLimit: 1 });
    await bench.create('arena', { backupLimit: 1 });
    await bench.backup('b', { serverRef: { name: 'arena' } });
  });
});

test('no backup begins while a restore of the server has not ended (backups 15.14)', async () => {
  const bench = await withBackup();
  await bench.create('arena');
  await bench.restore('r');
  const refusal = conflict('A restore operation is already running for this server');
  await assert.rejects(bench.backup('b'), refusal);
  await bench.backup('other', { serverRef: { name: 'arena' } });
  await bench.status('Restore', 'r', { phase: 'Finalizing' });
  await assert.rejects(bench.backup('b'), refusal);
  await bench.status('Restore', 'r', { phase: 'Completed' });
  await bench.backup('b');
});

test('no backup begins of a server that is being deleted', async () => {
  const bench = await withBackup();
  await bench.remove('Server', 'lobby');
  await assert.rejects(bench.backup('b'), conflict('this server is being deleted'));
});

test('backups of one server queue, and of one uuid there is one (covers: SEC-101)', async () => {
  const bench = new OperationBench();
  await bench.create('lobby');
  const uuid = uuidOf(500);
  const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, at) => bench.backup(`b${at}`, { uuid })));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  const [cause] = await causesOf(bench.backup('late', { uuid }));
  assert.equal(cause?.reason, 'FieldValueDuplicate');
  assert.match(cause?.message ?? '', /: backup "b\d+" has it$/);
  await Promise.all(Array.from({ length: 10 }, (_, at) => bench.backup(`c${at}`)));
  assert.equal((await bench.runningBackups()).length, 11);
});

test('of parallel creations no more win than the limit allows (covers: SEC-101)', async () => {
  const bench = new OperationBench();
  await bench.create('lobby', { backupLimit: 3 });
  const outcomes = await Promise.allSettled(Array.from({ length: 50 }, (_, at) => bench.backup(`b${at}`)));
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 3);
});

test('who creates the same backup twice hears that it is there, not of limits or restores', async () => {
  const bench = await withBackup({ backupLimit: 1 });
  await bench.restore('r');
  for (const context of [writeContext(), asDryRun]) {
    await assert.rejects(bench.backup('monday', {}, context), { name: 'AlreadyExistsError' });
  }
});

describe('of a Panel’s backup a user may change', () => {
  test('labels and annotations', async () => {
    const bench = new OperationBench();
    await bench.create('lobby');
    await bench.backup('b', {}, asPanel);
    const metadata = { labels: { a: 'b' }, annotations: { c: 'd' } };
    await bench.admission.patch('Backup', 'b', { metadata }, writeContext());
  });

  test('nothing else', async () => {
    const bench = new OperationBench();
    await bench.create('lobby');
    await bench.backup('b', {}, asPanel);
    const refusal = {
      name: 'ForbiddenError',
      message: 'this backup belongs to the Panel: only labels and annotations can be changed here',
    };
    for (const spec of [{ cancel: true }, { locked: true }, { verify: 'now' }]) {
      await assert.rejects(bench.change('Backup', 'b', spec), refusal);
    }
    await assert.rejects(bench.remove('Backup', 'b'), {
      message: 'this backup belongs to the Panel: delete it there',
    });
    await assert.rejects(bench.admission.patchStatus('Backup', 'b', { status: {} }, writeContext()), {
      message: 'this backup belongs to the Panel: its status is written by this node alone',
    });
    await bench.change('Backup', 'b', { cancel: true }, asPanel);
    await bench.remove('Backup', 'b', asPanel);
  });

  test('that it goes, once the Panel does not know it any more', async () => {
    const bench = new OperationBench();
    await bench.create('lobby');
    await bench.backup('b', {}, asPanel);
    const patch = { metadata: { labels: { [orphanLabel]: 'true' } } };
    await bench.admission.patch('Backup', 'b', patch, asPanel);
    await bench.remove('Backup', 'b');
  });
});

test('a deletion follows the writes of the controller, but not one it was told to be exact about', async () => {
  const bench = await withBackup();
  const { uid, resourceVersion } = (await bench.backup('b')).metadata;
  await bench.status('Backup', 'b', { phase: 'Archiving' });
  const exact = { preconditions: { uid, resourceVersion } };
  await assert.rejects(bench.admission.delete('Backup', 'b', exact, writeContext()), ConflictError);
  await bench.remove('Backup', 'b');
});
