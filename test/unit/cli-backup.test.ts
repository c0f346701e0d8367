// The commands on backups and restores against a kube API whose objects the test moves on, as controllers would.
import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CliError } from '../../src/cli/exit-codes.ts';
import { runCommand } from '../../src/cli/program.ts';
import type { Backup, BackupStatus } from '../../src/resources/backup.ts';
import type { StoredObject } from '../../src/resources/object.ts';
import type { Restore } from '../../src/resources/restore.ts';
import { ArchiveDoor } from '../support/archive-door.ts';
import { testIo } from '../support/cli-io.ts';
import { openKube, serverManifest, serversPath } from '../support/kube.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

const started = '2026-01-01T12:00:00Z';
const ended = '2026-01-01T12:00:09Z';

async function open(t: TestContext) {
  const door = new ArchiveDoor();
  const kube = await openKube({ server: { archives: door } });
  t.after(() => kube.close());
  for (const name of ['demo', 'lobby'])
    assert.equal((await kube.call('POST', serversPath, { body: serverManifest(name) })).code, 201);
  const start = (args: readonly string[], options: Parameters<typeof testIo>[0] = {}) => {
    const io = testIo(options);
    const code = runCommand(io, [...args, '--kubeconfig', join(kube.directory, 'kubeconfig')]).catch(
      (error: unknown) => {
        if (!(error instanceof CliError)) throw error;
        io.stderr.write(`${error.message}\n`);
        return error.exitCode;
      },
    );
    return { io, code };
  };
  const run = async (...args: string[]) => {
    const { io, code } = start(args);
    return { code: await code, out: io.out(), err: io.err() };
  };
  const only = async <T extends StoredObject>(kind: string) => {
    const object = await until(`there is a ${kind}`, 10_000, async () => (await kube.store.list<T>(kind)).items[0]);
    return object as T;
  };
  const report = async (object: StoredObject, status: object) => {
    const { kind, metadata } = object;
    const current = await kube.store.get<StoredObject>(kind, metadata.name);
    return kube.store.updateStatus({ ...current!, status: { ...(current?.status as object), ...status } });
  };
  /** A completed one of these bytes. */
  const completed = async (name: string, bytes: Buffer) => {
    assert.equal((await run('backup', 'create', 'demo', '--name', name)).code, 0);
    const backup = (await kube.store.get<Backup>('Backup', name))!;
    door.archives.set(backup.spec.uuid!, bytes);
    const checksum = createHash('sha1').update(bytes).digest('hex');
    const archive = { size: bytes.length, checksum, checksumType: 'sha1', format: 'gzip' } as const;
    await report(backup, { phase: 'Completed', archive } satisfies BackupStatus);
    return backup;
  };
  return { kube, door, start, run, only, report, completed };
}

test('a backup is created, with a name that tells server and time', async (t) => {
  const { kube, run } = await open(t);
  const plain = await run('backup', 'create', 'demo');
  assert.match(plain.out, /^backup\.aileron\.dev\/demo-\d{8}-\d{6} created\n$/);
  const rules = join(temporaryDirectory(t), 'rules');
  writeFileSync(rules, '*.log\ncache/\n');
  const full = await run(
    ...['backup', 'create', 'server/lobby', '--name', 'full', '--ignore-file', rules],
    ...['--format', 'zstd', '--locked', '--json'],
  );
  assert.equal(full.code, 0, full.err);
  const { spec } = JSON.parse(full.out) as Backup;
  assert.deepEqual(
    [spec.serverRef.name, spec.ignore, spec.format, spec.locked],
    ['lobby', '*.log\ncache/\n', 'zstd', true],
  );
  const again = await run('backup', 'create', 'lobby', '--name', 'full');
  assert.deepEqual([again.code, again.out], [4, '']);
  assert.match(again.err, /"full" already exists/);
  assert.equal((await run('backup', 'create', 'ghost')).code, 4);
  assert.equal((await run('backup', 'create', 'demo', '--ignore', 'a', '--ignore-file', rules)).code, 2);
  assert.equal((await run('backup', 'create', 'demo', '--ignore-file', '/no/such/file')).code, 2);
  assert.equal((await kube.store.list('Backup')).items.length, 2);
});

test('two of one second get two names', async (t) => {
  const { run } = await open(t);
  const outs = await Promise.all([1, 2, 3].map(() => run('backup', 'create', 'demo')));
  assert.deepEqual(
    outs.map(({ code }) => code),
    [0, 0, 0],
  );
  assert.equal(new Set(outs.map(({ out }) => out)).size, 3);
});

test('--watch in a pipe: a line a phase, then how it ended', async (t) => {
  const { start, only, report } = await open(t);
  const { io, code } = start(['backup', 'create', 'demo', '--name', 'first', '--watch']);
  const backup = await only<Backup>('Backup');
  const progress = { percentage: 40, bytesWritten: 4_194_304, bytesTotal: 10_485_760 };
  await report(backup, { phase: 'Archiving', startedAt: started, progress });
  await until('it is told', 5_000, async () => io.out().includes('Archiving 40%'));
  await report(backup, { phase: 'Finalizing' });
  await until('it is told', 5_000, async () => io.out().includes('Finishing'));
  const archive = {
    size: 1_048_576,
    checksum: 'ab',
    checksumType: 'sha1',
    format: 'gzip',
    entries: 3,
    contentBytes: 10_485_760,
  };
  await report(backup, { phase: 'Completed', completedAt: ended, archive });
  assert.equal(await code, 0);
  assert.equal(
    io.out(),
    [
      'backup.aileron.dev/first created',
      'Waiting 0%',
      'Archiving 40%, 4.0 MiB of 10.0 MiB',
      'Finishing 40%, 4.0 MiB of 10.0 MiB',
      'backup.aileron.dev/first completed in 9s: 3 files, 10.0 MiB in an archive of 1.0 MiB',
      '',
    ].join('\n'),
  );
});

test('--watch --json: an object a line, the last one tells the end; --wait tells the end alone', async (t) => {
  const { start, only, report } = await open(t);
  const watching = start(['backup', 'create', 'demo', '--name', 'first', '--watch', '--json']);
  const backup = await only<Backup>('Backup');
  const waiting = start(['backup', 'watch', 'first', '--json']);
  const progress = { percentage: 40, bytesWritten: 4, bytesTotal: 10 };
  await report(backup, { phase: 'Archiving', progress });
  for (const { io } of [watching, waiting])
    await until('it is told', 5_000, async () => io.out().includes('"Archiving"'));
  const outcome = { result: 'Failed', reason: 'NoSpace', message: 'The disk of the backups is full.' };
  await report(backup, { phase: 'Failed', outcome, progress: { ...progress, percentage: -1 } });
  for (const { io, code } of [watching, waiting]) {
    assert.equal(await code, 1);
    const lines = io
      .out()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual([lines.at(-2)?.['phase'], lines.at(-2)?.['percentage']], ['Archiving', 40]);
    assert.deepEqual([lines.at(-1)?.['phase'], lines.at(-1)?.['outcome']], ['Failed', outcome]);
    assert.equal(io.err(), 'first failed: The disk of the backups is full.\n');
  }
});

test('--wait says only how it ended; a cancelled or deleted one is no success', async (t) => {
  const { kube, start, run, only, report } = await open(t);
  const cancelled = start(['backup', 'create', 'demo', '--name', 'first', '--wait', '--json']);
  const backup = await only<Backup>('Backup');
  assert.deepEqual(await run('backup', 'cancel', 'first'), {
    code: 0,
    out: 'backup.aileron.dev/first cancel requested\n',
    err: '',
  });
  assert.equal((await kube.store.get<Backup>('Backup', 'first'))?.spec.cancel, true);
  const outcome = { result: 'Cancelled', reason: 'Cancelled', message: 'It was cancelled.' };
  await report(backup, { phase: 'Cancelled', outcome });
  assert.equal(await cancelled.code, 1);
  assert.equal(cancelled.io.out().trim().split('\n').length, 1);
  assert.equal(cancelled.io.err(), 'first was cancelled: It was cancelled.\n');
  const over = await run('backup', 'cancel', 'first');
  assert.deepEqual([over.code, over.err], [4, 'first is over already: it is cancelled.\n']);

  await kube.store.patch('Backup', 'first', { metadata: { finalizers: null } });
  await kube.store.delete('Backup', 'first');
  const gone = start(['backup', 'create', 'demo', '--name', 'second', '--wait']);
  await only<Backup>('Backup');
  await kube.store.patch('Backup', 'second', { metadata: { finalizers: null } });
  await kube.store.delete('Backup', 'second');
  assert.equal(await gone.code, 1);
  assert.match(gone.io.err(), /^backup\.aileron\.dev\/second was deleted\.$/m);
});

test('a terminal shows a bar, and nothing of it stays', async (t) => {
  const { start, only, report } = await open(t);
  const { io, code } = start(['backup', 'create', 'demo', '--name', 'first', '-w'], { terminal: true });
  const backup = await only<Backup>('Backup');
  await report(backup, { phase: 'Archiving', progress: { percentage: 50, bytesWritten: 5, bytesTotal: 10 } });
  await until('it is told', 5_000, async () => io.out().includes(']  50%'));
  await report(backup, { phase: 'Completed' });
  assert.equal(await code, 0);
  assert.ok(io.out().endsWith('\r\u001b[Kbackup.aileron.dev/first completed\n'), io.out());
});

test('backups are named by name or uuid, listed, locked and deleted', async (t) => {
  const { kube, run, completed } = await open(t);
  const { spec } = await completed('first', randomBytes(2_048));
  await run('backup', 'create', 'lobby', '--name', 'second');
  const table = (await run('backup', 'list')).out;
  assert.match(table, /^NAME +SERVER .*\nfirst +demo +Completed +0% +2\.0 KiB .*\nsecond +lobby +Pending /);
  assert.doesNotMatch((await run('backup', 'list', 'demo')).out, /second/);
  assert.equal(JSON.parse((await run('backup', 'list', 'demo', '--json')).out).length, 1);
  assert.match((await run('backup', 'list', 'ghost')).err, /^No backups found\.$/m);

  assert.equal((await run('backup', 'lock', spec.uuid!, 'second')).out.match(/ locked$/gm)?.length, 2);
  assert.equal((await kube.store.get<Backup>('Backup', 'first'))?.spec.locked, true);
  const refused = await run('backup', 'delete', 'first');
  assert.deepEqual([refused.code, refused.out], [4, '']);
  assert.match(refused.err, /locked/);
  assert.equal((await run('backup', 'unlock', 'backup/first')).out, 'backup.aileron.dev/first unlocked\n');
  assert.equal((await run('backup', 'delete', 'first')).out, 'backup.aileron.dev/first deletion requested\n');
  assert.match((await run('backup', 'describe', 'second')).out, /^Name: +second$/m);

  for (const args of [['watch'], ['describe'], ['lock'], ['cancel'], ['delete'], ['verify'], ['download']])
    assert.equal((await run('backup', ...args, randomUUID())).code, 3, args[0]);
  assert.equal((await run('backup', 'watch', 'server/demo')).code, 2);
});

test('a reading is asked for and awaited', async (t) => {
  const { kube, run, start, report, completed } = await open(t);
  const backup = await completed('first', randomBytes(10));
  const asked = () =>
    until('it is asked for', 5_000, async () => (await kube.store.get<Backup>('Backup', 'first'))?.spec.verify);
  const first = start(['backup', 'verify', 'first']);
  const request = await asked();
  await report(backup, { verification: { request: 'an older one', result: 'Failed', message: 'old' } });
  await report(backup, { verification: { request, result: 'Running' } });
  await report(backup, { verification: { request, result: 'Passed' } });
  assert.deepEqual([await first.code, first.io.out()], [0, 'backup.aileron.dev/first verified\n']);

  const second = start(['backup', 'verify', 'first']);
  const other = await until('it is asked again', 5_000, async () => {
    const verify = await asked();
    return verify !== request && verify;
  });
  await report(backup, { verification: { request: other, result: 'Failed', message: 'Byte 7 is wrong.' } });
  assert.deepEqual([await second.code, second.io.err()], [1, 'first: Byte 7 is wrong.\n']);

  const late = await run('backup', 'verify', 'first', '--timeout', '200ms');
  assert.deepEqual([late.code, late.err], [1, 'first is not verified after 0.2 s; the node goes on with it.\n']);
  await run('backup', 'create', 'demo', '--name', 'young');
  assert.equal((await run('backup', 'verify', 'young')).code, 4);
});

test('an archive is downloaded, resumed, and believed only with the right checksum', async (t) => {
  const { kube, door, run, completed } = await open(t);
  const folder = temporaryDirectory(t);
  const bytes = randomBytes(300_000);
  const { spec } = await completed('first', bytes);
  const target = join(folder, 'first.tar.gz');

  const whole = await run('backup', 'download', 'first', '-o', `${folder}/`);
  assert.equal(whole.code, 0, whole.err);
  assert.match(whole.err, /first\.tar\.gz: 293 KiB, SHA-1 [0-9a-f]{40}$/m);
  assert.deepEqual(readFileSync(target), bytes);
  const there = await run('backup', 'download', 'first', '-o', target);
  assert.deepEqual([there.code, there.err], [1, `${target} is there already; --force writes over it.\n`]);

  writeFileSync(`${target}.part`, bytes.subarray(0, 200_000));
  const before = door.bytesRead;
  const resumed = await run('backup', 'download', 'first', '-o', target, '--force');
  assert.match(resumed.err, /has 195 KiB already; going on from there\.$/m);
  assert.deepEqual(readFileSync(target), bytes);
  assert.equal(door.bytesRead - before, 100_000);
  assert.equal(existsSync(`${target}.part`), false);

  writeFileSync(`${target}.part`, randomBytes(200_000));
  const wrong = await run('backup', 'download', 'first', '-o', target, '--force');
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /its checksum is another/);
  assert.equal(existsSync(`${target}.part`), false, 'what is wrong is not resumed');
  assert.deepEqual(readFileSync(target), bytes, 'the good one stays');

  writeFileSync(`${target}.part`, randomBytes(400_000));
  assert.equal((await run('backup', 'download', 'first', '-o', target, '--force')).code, 0, 'longer than the archive');

  const piped = await run('backup', 'download', 'first', '-o', '-');
  assert.equal(piped.code, 0, piped.err);

  door.archives.delete(spec.uuid!);
  const gone = await run('backup', 'download', 'first', '-o', join(folder, 'gone'));
  assert.deepEqual([gone.code, gone.out], [3, '']);
  assert.match(gone.err, /its archive is not there any more\.$/m);
  await kube.store.patch('Backup', 'first', { metadata: { labels: { a: 'b' } } });
  assert.equal((await run('backup', 'create', 'demo', '--name', 'young')).code, 0);
  assert.equal((await run('backup', 'download', 'young', '-o', folder)).code, 4);
});

test('a download that breaks goes on where it stopped', async (t) => {
  const { door, run, completed } = await open(t);
  const bytes = randomBytes(900_000);
  await completed('first', bytes);
  const read = door.objects.read;
  let breaks = 2;
  const asked: unknown[] = [];
  door.objects.read = async (key, range) => {
    asked.push(range?.start);
    const stream = await read(key, range);
    if (breaks-- > 0) {
      let seen = 0;
      stream.on('data', (chunk: Buffer) => {
        seen += chunk.length;
        if (seen > 200_000) stream.destroy(new Error('the disk went away'));
      });
    }
    return stream;
  };
  const target = join(temporaryDirectory(t), 'archive');
  const { code, err } = await run('backup', 'download', 'first', '-o', target);
  assert.equal(code, 0, err);
  assert.deepEqual(readFileSync(target), bytes);
  assert.equal(asked.length, 3);
  assert.ok((asked[1] as number) > 0 && (asked[2] as number) > (asked[1] as number), String(asked));
});

test('one path is taken out of an archive', async (t) => {
  const { door, run, start, completed } = await open(t);
  const folder = temporaryDirectory(t);
  await completed('first', randomBytes(10));
  door.onJob = ({ plan, output, onFound, end }) => {
    const isFile = plan.path.endsWith('.txt');
    onFound(isFile ? { type: 'file', size: 5 } : { type: 'directory' });
    output.end(isFile ? 'hello' : 'a tar');
    end();
  };
  const file = await run('backup', 'extract', 'first', 'logs/a.txt', '-o', folder);
  assert.deepEqual([file.code, file.err], [0, `${join(folder, 'a.txt')}: 5 B\n`]);
  assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'hello');
  assert.equal((await run('backup', 'extract', 'first', 'logs/a.txt', '-o', folder)).code, 1, 'it is there already');
  assert.equal((await run('backup', 'extract', 'first', 'logs/', '-o', folder)).code, 0);
  assert.equal(readFileSync(join(folder, 'logs.tar'), 'utf8'), 'a tar');
  assert.equal((await run('backup', 'extract', 'first', 'logs/a.txt', '-o', '-')).out, 'hello');
  const typed = start(['backup', 'extract', 'first', 'logs', '-o', '-'], { terminal: true });
  assert.deepEqual([await typed.code, typed.io.out()], [2, '']);
  assert.equal((await run('backup', 'extract', 'first', '../etc', '-o', folder)).code, 4);

  door.onJob = ({ output, onFound, end }) => {
    onFound({ type: 'file', size: 500 });
    output.write('the first half');
    setImmediate(() => end(new Error('it broke')));
  };
  const broken = await run('backup', 'extract', 'first', 'b.txt', '-o', folder);
  assert.equal(broken.code, 1);
  assert.match(broken.err, /cut short/);
  assert.equal(existsSync(join(folder, 'b.txt')), false);
  assert.equal(existsSync(join(folder, 'b.txt.part')), false);
});

test('a restore names server and backup, in short or in full', async (t) => {
  const { kube, run, start, only, report, completed } = await open(t);
  const { spec } = await completed('first', randomBytes(10));
  const { io, code } = start([
    'restore',
    'demo',
    spec.uuid!,
    '--path',
    'world',
    '--path',
    'a.txt',
    '--strategy',
    'in-place',
    '--wait',
  ]);
  const restore = await only<Restore>('Restore');
  assert.match(restore.metadata.name, /^demo-restore-\d{8}-\d{6}$/);
  assert.deepEqual(
    [restore.spec.serverRef.name, restore.spec.backupRef.name, restore.spec.mode, restore.spec.strategy],
    ['demo', 'first', 'Merge', 'InPlace'],
  );
  assert.deepEqual(restore.spec.paths, ['world', 'a.txt']);
  assert.match((await run('restore', 'list', 'demo')).out, /^demo-restore-\S+ +demo +first +Merge +Pending /m);
  assert.equal((await run('restore', 'cancel', restore.metadata.name)).code, 0);
  assert.equal((await kube.store.get<Restore>('Restore', restore.metadata.name))?.spec.cancel, true);
  await report(restore, { phase: 'Completed', result: { files: 2, bytes: 10, skipped: 0, warnings: [] } });
  assert.equal(await code, 0);
  assert.match(io.out(), /created\nrestore\.aileron\.dev\/demo-restore-\S+ completed: 2 files, 10 B\n$/);

  assert.equal((await run('restore', 'create', 'demo', 'first', '--name', 'all', '--mode', 'truncate')).code, 0);
  assert.equal((await kube.store.get<Restore>('Restore', 'all'))?.spec.mode, 'Truncate');
  assert.equal((await run('restore', 'demo', 'first', '--mode', 'truncate', '--path', 'a')).code, 2);
  assert.equal((await run('restore', 'demo', 'ghost')).code, 3);
});
