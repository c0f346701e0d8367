// An archive is changed behind the daemon's back, in every way that could do harm, and somebody restores it by the command
// line: the reason stands in the status, in an Event, on the terminal and in the log, no file is touched, inside or outside
// of the server, and the server plays on. What cannot be restored or made at all is refused before it begins.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Backup } from '../../src/resources/backup.ts';
import type { Restore } from '../../src/resources/restore.ts';
import type { Server } from '../../src/resources/server.ts';
import { jobsOf } from '../support/backup-node.ts';
import { badArchives } from '../support/bad-archives.ts';
import { CliNode, type CliNodeOptions } from '../support/cli-node.ts';
import { needsDocker } from '../support/docker.ts';
import { missingKubectl, runKubectl } from '../support/kube.ts';
import { NodeClient } from '../support/node-client.ts';
import { treeOf } from '../support/operations.ts';
import { until } from '../support/until.ts';

const options = { skip: (await missingKubectl()) || (await needsDocker()), timeout: 180_000 };
const longestMs = 60_000;
/** As much as an archive of 10 million entries has, so that one of them can be as long. */
const worldBytes = 24_000_000;
/** Of one job, whatever it reads. */
const mostJobBytes = 240 * 1024 ** 2;

interface Bench {
  node: CliNode;
  files: string;
  run(...args: string[]): ReturnType<CliNode['run']>;
  kubectl(args: string[], input?: object): ReturnType<typeof runKubectl>;
  get<T>(kind: string, name: string): Promise<T>;
}

/** A node with a server that runs, its backup, and what was played since. */
async function bench(t: TestContext, worldBytes: number, options: CliNodeOptions = {}): Promise<Bench> {
  const node = await CliNode.make(t, options);
  await node.start();
  const run = (...args: string[]) => node.run(args);
  const applied = await run('apply', '-f', await node.manifest('demo', { limits: { disk: 100 } }));
  assert.equal(applied.code, 0, applied.stderr);
  const api = new NodeClient({ port: node.ports.kube, pki: join(node.state, 'pki') });
  t.after(() => api.close());
  const get = async <T>(kind: string, name: string) =>
    (await api.call('GET', `/apis/aileron.dev/v1/${kind}s/${name}`)) as T;
  const { spec } = await get<Server>('server', 'demo');
  const files = join(node.directory, 'root/volumes', spec.uuid ?? '');
  mkdirSync(join(files, 'world'), { recursive: true });
  writeFileSync(join(files, 'world/level.dat'), randomBytes(worldBytes));
  assert.equal((await run('start', 'demo', '--wait')).code, 0);
  const made = await run('backup', 'create', 'demo', '--name', 'good', '--wait');
  assert.equal(made.code, 0, made.stderr);
  writeFileSync(join(files, 'world/level.dat'), 'played');
  writeFileSync(join(files, 'world/new.dat'), 'new');
  const kubeconfig = join(node.directory, 'kubeconfig');
  writeFileSync(kubeconfig, (await run('kubeconfig')).stdout, { mode: 0o600 });
  const kubectl = (args: string[], input?: object) =>
    runKubectl(kubeconfig, node.directory, args, input && JSON.stringify(input));
  return { node, files, run, kubectl, get };
}

/** The highest that any job of the node needed while `work` went on, bytes. */
async function peakOfJobs<T>(node: CliNode, work: Promise<T>): Promise<{ result: T; peak: number }> {
  let peak = 0;
  const look = setInterval(() => {
    for (const pid of jobsOf(node.pid)) {
      const status = existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '';
      peak = Math.max(peak, Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024);
    }
  }, 20);
  try {
    return { result: await work, peak };
  } finally {
    clearInterval(look);
  }
}

test(
  'a restore of an archive that was changed touches nothing and says why (backups 15.10, 15.12) (covers: SEC-19, SEC-20, SEC-102)',
  options,
  async (t) => {
    const { node, files, run, kubectl, get } = await bench(t, worldBytes);
    const { spec } = await get<Backup>('backup', 'good');
    const server = await get<Server>('server', 'demo');
    const archive = join(node.directory, 'root/backups', server.spec.uuid ?? '', `${spec.uuid}.tar.gz`);
    const outside = join(node.directory, 'outside');
    mkdirSync(outside);
    const good = readFileSync(archive);
    const now = treeOf(files);
    let number = 0;
    for (const { what, make, reason, strategies } of badArchives(outside)) {
      for (const strategy of strategies) {
        await t.test(`${what}, ${strategy}`, async () => {
          writeFileSync(archive, make(good));
          const name = `bad-${number++}`;
          const began = performance.now();
          const args = [
            'restore',
            'demo',
            'good',
            '--name',
            name,
            '--mode',
            'truncate',
            '--strategy',
            strategy,
            '--wait',
          ];
          const { result, peak } = await peakOfJobs(node, run(...args));
          assert.equal(result.code, 1, result.stderr);
          assert.ok(performance.now() - began < longestMs && peak < mostJobBytes, `${peak} bytes`);
          const { status } = await get<Restore>('restore', name);
          const { outcome } = status ?? {};
          assert.match(outcome?.reason ?? '', reason);
          assert.match(
            outcome?.message ?? '',
            /^[A-Z].*\. ?The files of the server are untouched\.$|^The archive of .*\.$/,
          );
          assert.ok(result.stderr.includes(outcome?.message ?? ''), result.stderr);
          // But for the one that the archive names.
          assert.ok(!result.stderr.replace(outside, '').includes(node.directory), 'no path of the host is told');
          const warning = new RegExp(`Warning +${outcome?.reason} .*${(outcome?.message ?? '').slice(0, 30)}`);
          await until('an Event tells it', 10_000, async () =>
            warning.test((await kubectl(['describe', 'restore', name])).out),
          );
          assert.ok(node.log.includes(JSON.stringify(outcome?.message)), 'the log tells it');

          assert.deepEqual(treeOf(files), now);
          assert.deepEqual(readdirSync(outside), []);
          const staging = join(node.directory, 'root/volumes/.restore');
          const isClear = async () => !existsSync(staging) || readdirSync(staging).length === 0;
          await until('nothing is left beside the files', 10_000, isClear);
          const { status: state } = await get<Server>('server', 'demo');
          assert.deepEqual([state?.state, state?.claim], ['running', undefined]);
        });
      }
    }
    assert.equal((await run('backup', 'verify', 'good')).code, 1);
    assert.equal(readFileSync(join(files, 'starts'), 'utf8'), 'started\n');
    writeFileSync(archive, good);
    assert.equal((await run('restore', 'demo', 'good', '--mode', 'truncate', '--wait')).code, 0);
    assert.equal(readFileSync(join(files, 'world/level.dat')).length, worldBytes);
  },
);

test(
  'what cannot be restored or made is refused with the reason (backups 15.10) (covers: SEC-22, SEC-99)',
  options,
  async (t) => {
    const { node, files, run, kubectl, get } = await bench(t, 1_000_000, { system: ['backups: { write_limit: 2 }'] });
    const now = treeOf(files);
    const restore = (name: string, backup: string, server = 'demo') => ({
      ...{ apiVersion: 'aileron.dev/v1', kind: 'Restore', metadata: { name } },
      spec: { serverRef: { name: server }, backupRef: { name: backup }, mode: 'Truncate' },
    });
    const refused = async (input: object, text: RegExp) => {
      const { code, err } = await kubectl(['create', '-f', '-'], input);
      assert.deepEqual([code, text.test(err)], [1, true], err);
    };
    await refused(restore('r', 'none'), /spec\.backupRef\.name: Not found: "none"/);
    const missing = await run('restore', 'demo', 'none', '--wait');
    assert.deepEqual([missing.code, /none/.test(missing.stderr)], [3, true], missing.stderr);

    assert.equal((await run('apply', '-f', await node.manifest('other'))).code, 0);
    await refused(restore('r', 'good', 'other'), /spec\.backupRef\.name: Not found: "good"/);

    const long = '*.log\n'.repeat(20_000);
    const backup = (name: string, spec: object) => ({
      ...{ apiVersion: 'aileron.dev/v1', kind: 'Backup', metadata: { name } },
      spec: { serverRef: { name: 'demo' }, ...spec },
    });
    await refused(backup('long', { ignore: long }), /spec\.ignore: Too long: .*32768/);
    const byCli = await run('backup', 'create', 'demo', '--name', 'long', '--ignore', long);
    assert.deepEqual([byCli.code, /ignore.*32768/i.test(byCli.stderr)], [4, true], byCli.stderr);
    writeFileSync(join(files, '.pelicanignore'), long);
    const ignoring = await run('backup', 'create', 'demo', '--name', 'ignoring', '--wait');
    assert.equal(ignoring.code, 0, ignoring.stderr);
    await until('an Event tells it', 10_000, async () =>
      /Warning .*ignore/.test((await kubectl(['describe', 'backup', 'ignoring'])).out),
    );
    rmSync(join(files, '.pelicanignore'));

    writeFileSync(join(files, 'noise'), randomBytes(8_000_000));
    for (const [name, end, phase] of [
      ['cancelled', () => run('backup', 'cancel', 'cancelled'), 'Cancelled'],
      ['failed', async () => process.kill(jobsOf(node.pid)[0] ?? 0, 'SIGKILL'), 'Failed'],
    ] as const) {
      assert.equal((await kubectl(['create', '-f', '-'], backup(name, {}))).code, 0);
      await kubectl(['wait', '--for=jsonpath={.status.phase}=Archiving', `backup/${name}`, '--timeout=30s']);
      await until('its job runs', 10_000, async () => jobsOf(node.pid).length > 0);
      await refused(restore('r', name), /only a completed backup can be restored, this one is Archiving/);
      await refused(restore('r', 'good'), /a backup operation is already running for this server/i);
      await end();
      await kubectl(['wait', `--for=jsonpath={.status.phase}=${phase}`, `backup/${name}`, '--timeout=30s']);
      await refused(restore('r', name), new RegExp(`only a completed backup can be restored, this one is ${phase}`));
      const byName = await run('restore', 'demo', name, '--wait');
      assert.deepEqual([byName.code, byName.stderr.includes(`this one is ${phase}`)], [4, true], byName.stderr);
    }
    assert.equal((await run('backup', 'delete', 'failed', '--wait')).code, 0);
    await refused(restore('r', 'failed'), /spec\.backupRef\.name: Not found: "failed"/);
    rmSync(join(files, 'noise'));

    assert.deepEqual(treeOf(files), now);
    assert.equal((await get<Server>('server', 'demo')).status?.state, 'running');
  },
);
