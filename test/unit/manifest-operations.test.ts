// Backups and schedules in a manifest directory: what is declared together works at once, what is data stays, and what is
// done once is not followed.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Backup } from '../../src/resources/backup.ts';
import type { Schedule } from '../../src/resources/schedule.ts';
import { writeContext } from '../support/an-admission.ts';
import { ManifestBench, manifest, nothing } from '../support/manifest-bench.ts';

const backup = (name = 'first', spec = '') => `apiVersion: aileron.dev/v1
kind: Backup
metadata: { name: ${name} }
spec:
  serverRef: { name: demo }
${spec}`;

const schedule = (cron = '@daily') => `apiVersion: aileron.dev/v1
kind: Schedule
metadata: { name: nightly }
spec:
  cron: "${cron}"
  template: { serverRef: { name: demo } }
`;

async function backupOf(bench: ManifestBench, name = 'first'): Promise<Backup> {
  const found = await bench.store.get<Backup>('Backup', name);
  assert.ok(found, `there is no backup ${name}`);
  return found;
}

async function lookTwice(bench: ManifestBench): Promise<void> {
  await bench.look();
  await bench.clock.advance(5_000);
  await bench.look();
}

/** A server with a completed backup and a schedule, each from a file of its own. */
async function followed(context: TestContext): Promise<ManifestBench> {
  const bench = new ManifestBench(context, { 'a.yaml': backup(), 'b.yaml': schedule(), 'c.yaml': manifest() });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 3 });
  await bench.store.updateStatus({ ...(await backupOf(bench)), status: { phase: 'Completed' } });
  return bench;
}

test('a server comes before what refers to it, whatever the files are called', async (context) => {
  const bench = await followed(context);
  const { spec } = await backupOf(bench);
  assert.deepEqual(spec.owner, { kind: 'Manifest', ref: 'a.yaml' });
  assert.equal(spec.serverRef.uuid, (await bench.server()).spec.uuid);
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 3 });
  bench.restart();
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 3 });
  assert.equal((await bench.store.list('Backup')).items.length, 1);
});

test('a backup whose file is gone is let go, whatever its phase, and told once', async (context) => {
  const bench = await followed(context);
  bench.remove('a.yaml');
  await lookTwice(bench);
  const { metadata } = await backupOf(bench);
  assert.equal(metadata.deletionTimestamp, undefined);
  assert.equal(metadata.annotations?.['aileron.dev/last-applied-manifest'], undefined);
  const message =
    'a.yaml declares it no more; it stays, as its archive would go with it: kubectl delete backup first deletes both';
  assert.deepEqual(bench.events, [{ about: 'Backup/first', type: 'Warning', reason: 'LetGo', message }]);
  await lookTwice(bench);
  bench.restart();
  await lookTwice(bench);
  assert.equal(bench.events.length, 1);
  await bench.admission.delete('Backup', 'first', {}, writeContext());
});

test('a backup that was let go is taken up again by a new file', async (context) => {
  const bench = await followed(context);
  const { uid } = (await backupOf(bench)).metadata;
  bench.remove('a.yaml');
  await lookTwice(bench);
  bench.write({ 'z.yaml': backup('first', '  locked: true\n') });
  assert.deepEqual(await bench.look(), { ...nothing, applied: 1, unchanged: 2 });
  const { metadata, spec } = await backupOf(bench);
  assert.deepEqual([metadata.uid, spec.locked, spec.owner?.ref], [uid, true, 'z.yaml']);
});

test('a schedule whose file is gone is deleted, and its backups are not', async (context) => {
  const bench = await followed(context);
  bench.remove('b.yaml');
  await lookTwice(bench);
  assert.equal(await bench.store.get('Schedule', 'nightly'), undefined);
  assert.ok(await backupOf(bench));
  assert.deepEqual(
    bench.events.map(({ about, reason }) => `${about} ${reason}`),
    ['Schedule/nightly Pruned'],
  );
});

test('what others change of a schedule is put back, a cancellation of a backup is not', async (context) => {
  const bench = new ManifestBench(context, {
    'a.yaml': `${manifest()}---\n${backup('first', '  cancel: false\n  locked: false\n')}---\n${schedule()}`,
  });
  await bench.look();
  await bench.admission.patch('Schedule', 'nightly', { spec: { cron: '@hourly' } }, writeContext());
  await bench.admission.patch('Backup', 'first', { spec: { cancel: true, locked: true } }, writeContext());
  assert.deepEqual((await bench.look()).failed, []);
  await bench.clock.advance(60_000);
  await bench.look();
  assert.equal((await bench.store.get<Schedule>('Schedule', 'nightly'))?.spec.cron, '@daily');
  const { spec } = await backupOf(bench);
  assert.deepEqual([spec.cancel, spec.locked], [true, false]);
});

test('a backup waits for the end of a restore and is no mistake', async (context) => {
  const bench = await followed(context);
  const spec = { serverRef: { name: 'demo' }, backupRef: { name: 'first' } };
  const restore = await bench.admission.create('Restore', { metadata: { name: 'r' }, spec }, writeContext());
  bench.write({ 'd.yaml': backup('second') });
  assert.deepEqual(await bench.look(), { ...nothing, unchanged: 3, waiting: 1 });
  assert.equal(bench.retryInMs, 5_000);
  await bench.store.updateStatus({ ...restore, status: { phase: 'Failed' } });
  assert.equal((await bench.look()).applied, 1);
});

test('an installation is refused, for it would be done again and again', async (context) => {
  const bench = await followed(context);
  const text = 'kind: Installation\nmetadata: { name: i }\nspec:\n  serverRef: { name: demo }\n  skip: true\n';
  bench.write({ 'd.yaml': `apiVersion: aileron.dev/v1\n${text}` });
  const [problem] = (await bench.look()).failed;
  assert.deepEqual([problem?.file, problem?.line, problem?.field], ['d.yaml', 2, 'kind']);
  assert.match(problem?.message ?? '', /^an installation is done once, .+; use kubectl apply$/);
  assert.equal((await bench.store.list('Installation')).items.length, 0);
});

test('a restore is refused, for it would be done again and again', async (context) => {
  const bench = await followed(context);
  bench.write({
    'd.yaml':
      'apiVersion: aileron.dev/v1\nkind: Restore\nmetadata: { name: r }\nspec:\n  serverRef: { name: demo }\n  backupRef: { name: first }\n',
  });
  const [problem] = (await bench.look()).failed;
  assert.deepEqual([problem?.file, problem?.line, problem?.field], ['d.yaml', 2, 'kind']);
  assert.match(problem?.message ?? '', /^a restore is done once, .+; use kubectl apply or aileron restore$/);
  assert.equal((await bench.store.list('Restore')).items.length, 0);
});

test('what a backup was made from cannot be edited, and the file says so', async (context) => {
  const bench = await followed(context);
  bench.write({ 'a.yaml': backup('first', '  ignore: "*.log"\n') });
  const [problem] = (await bench.look()).failed;
  assert.deepEqual([problem?.file, problem?.field], ['a.yaml', 'spec.ignore']);
  assert.match(problem?.message ?? '', /field is immutable$/);
});
