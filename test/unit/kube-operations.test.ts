// Backups, restores and schedules through the kube API: the columns people watch, and refusals in Kubernetes' words.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, type Kube, openKube, serverManifest } from '../support/kube.ts';

const base = '/apis/aileron.dev/v1';
let kube: Kube;
before(async () => {
  kube = await openKube();
  await kube.call('POST', `${base}/servers`, { body: serverManifest('lobby') });
});
after(() => kube.close());

function create(plural: string, name: string, spec: Json) {
  const kind = { backups: 'Backup', restores: 'Restore', schedules: 'Schedule' }[plural];
  const body = { apiVersion: 'aileron.dev/v1', kind, metadata: { name }, spec };
  return kube.call('POST', `${base}/${plural}`, { body });
}

async function status(plural: string, name: string, fields: Json): Promise<void> {
  const headers = { 'content-type': 'application/merge-patch+json' };
  const { code } = await kube.call('PATCH', `${base}/${plural}/${name}/status`, { headers, body: { status: fields } });
  assert.equal(code, 200);
}

/** The row of one object by column. */
async function row(plural: string, name: string): Promise<Record<string, unknown>> {
  const headers = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' };
  const { json } = await kube.call('GET', `${base}/${plural}/${name}`, { headers });
  const names: string[] = json.columnDefinitions.map((column: { name: string }) => column.name);
  return Object.fromEntries(names.map((column, index) => [column, json.rows[0].cells[index]]));
}

const serverRef = { name: 'lobby' };

test('a backup shows phase, percentage and bytes as they move', async () => {
  await create('backups', 'b', { serverRef });
  const { Age: _, UUID: __, ...fresh } = await row('backups', 'b');
  assert.deepEqual(fresh, {
    ...{ Name: 'b', Phase: null, Progress: null, Bytes: null, Size: null, Server: 'lobby' },
    ...{ Locked: false, Checksum: null, Message: null },
  });
  await status('backups', 'b', {
    phase: 'Archiving',
    progress: { percentage: 41, bytesWritten: 1_000, bytesTotal: 2_400 },
  });
  const moving = await row('backups', 'b');
  assert.deepEqual([moving['Phase'], moving['Progress'], moving['Bytes']], ['Archiving', 41, 1_000]);
  await status('backups', 'b', {
    phase: 'Completed',
    archive: { size: 900, checksum: 'abc', checksumType: 'sha1', format: 'gzip' },
    outcome: { result: 'Completed', reason: 'Completed', message: 'It is there.' },
  });
  const whole = await row('backups', 'b');
  assert.deepEqual([whole['Size'], whole['Checksum'], whole['Message']], [900, 'abc', 'It is there.']);
});

test('a restore and a schedule show what they are about', async () => {
  await create('backups', 'done', { serverRef });
  await status('backups', 'done', { phase: 'Completed' });
  await create('restores', 'r', { serverRef, backupRef: { name: 'done' }, mode: 'Truncate' });
  const { Name, Server, Backup, Mode } = await row('restores', 'r');
  assert.deepEqual([Name, Server, Backup, Mode], ['r', 'lobby', 'done', 'Truncate']);
  await status('restores', 'r', { phase: 'Failed' });

  await create('schedules', 's', { cron: '@daily', timeZone: 'Europe/Berlin', template: { serverRef } });
  await status('schedules', 's', { active: ['b'], nextScheduleTime: '2026-01-02T04:00:00Z' });
  const { Cron, 'Time-Zone': zone, Suspend, Next, Active } = await row('schedules', 's');
  assert.deepEqual(
    [Cron, zone, Suspend, Next, Active],
    ['@daily', 'Europe/Berlin', false, '2026-01-02T04:00:00Z', '["b"]'],
  );
});

test('what stands in the way is a conflict, a lock is forbidden, a mistake names the field', async () => {
  await create('backups', 'source', { serverRef, locked: true });
  await status('backups', 'source', { phase: 'Completed' });
  await create('restores', 'running', { serverRef, backupRef: { name: 'source' } });
  const busy = await create('backups', 'late', { serverRef });
  assert.deepEqual([busy.code, busy.json.reason], [409, 'Conflict']);
  assert.match(busy.json.message, /A restore operation is already running for this server$/);

  const locked = await kube.call('DELETE', `${base}/backups/source`);
  assert.deepEqual([locked.code, locked.json.reason], [403, 'Forbidden']);
  assert.match(locked.json.message, /this backup is locked; to unlock it: kubectl patch backup source /);

  const missing = await create('backups', 'x', { serverRef: { name: 'none' } });
  assert.deepEqual(
    [missing.code, missing.json.details.causes],
    [422, [{ field: 'spec.serverRef.name', reason: 'FieldValueNotFound', message: 'Not found: "none"' }]],
  );
});
