// Backups and restores from the command line, on a node with a real Docker Engine, against GNU tar and kubectl.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Backup } from '../../src/resources/backup.ts';
import type { Server } from '../../src/resources/server.ts';
import { aileron, CliNode, type CliNodeOptions } from '../support/cli-node.ts';
import { needsDocker } from '../support/docker.ts';
import { missingKubectl, runKubectl } from '../support/kube.ts';
import { runProgram } from '../support/run-program.ts';
import { ctrlC, needsTerminal } from '../support/terminal.ts';

const skip = needsTerminal() || (await needsDocker());
const tar = '/usr/bin/tar';
/** MiB a second of an archive: what cannot be compressed takes so long. */
const slow = { system: ['backups: { write_limit: 1 }'] };

interface Bench {
  node: CliNode;
  /** Of the server demo. */
  files: string;
  run(...args: string[]): ReturnType<CliNode['run']>;
  backup(name: string): Promise<Backup>;
}

/** A node with a server that has files. */
async function bench(t: TestContext, options: CliNodeOptions = {}): Promise<Bench> {
  const node = await CliNode.make(t, options);
  await node.start();
  const run = (...args: string[]) => node.run(args);
  const applied = await run('apply', '-f', await node.manifest('demo'));
  assert.equal(applied.code, 0, applied.stderr);
  const server = JSON.parse((await run('get', 'server', 'demo', '-o', 'json')).stdout) as Server;
  const files = join(node.directory, 'root/volumes', server.spec.uuid ?? '');
  mkdirSync(join(files, 'world/region'), { recursive: true });
  writeFileSync(join(files, 'world/level.dat'), 'level 1');
  writeFileSync(join(files, 'world/region/r.0.0.mca'), randomBytes(200_000));
  writeFileSync(join(files, 'world/a "ü" name.txt'), 'quoted');
  writeFileSync(join(files, 'server.properties'), 'motd=hello\n'.repeat(2_000));
  symlinkSync('level.dat', join(files, 'world/latest'));
  const backup = async (name: string) => JSON.parse((await run('get', 'backup', name, '-o', 'json')).stdout) as Backup;
  return { node, files, run, backup };
}

/** What there is below a directory: names with contents; links with an arrow. */
function treeOf(directory: string): Record<string, string> {
  const tree: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(directory.length + 1);
    if (entry.isFile()) tree[name] = createHash('sha1').update(readFileSync(path)).digest('hex');
    else tree[name] = entry.isSymbolicLink() ? 'link' : 'directory';
  }
  return tree;
}

async function unpacked(node: CliNode, archive: string, name: string): Promise<string> {
  const target = join(node.directory, name);
  mkdirSync(target);
  const { code, stderr } = await runProgram(tar, ['-xf', archive, '-C', target]);
  assert.equal(code, 0, stderr);
  return target;
}

/** In a process of its own, to be sent a signal. */
function started(t: TestContext, node: CliNode, ...args: string[]) {
  const child: ChildProcess = spawn(aileron, args, {
    cwd: node.directory,
    env: node.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { out: '', err: '' };
  t.after(() => void child.kill('SIGKILL'));
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (output.out += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (output.err += text));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const told = async (text: string, times = 1, where: keyof typeof output = 'out') => {
    const end = performance.now() + 30_000;
    while (output[where].split(text).length <= times) {
      assert.ok(performance.now() < end && child.exitCode === null, `never "${text}":\n${output.out}${output.err}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return { child, output, ended, told };
}

test('a backup is made, looked at, read, fetched, locked and deleted', { skip, timeout: 120_000 }, async (t) => {
  const { node, files, run, backup } = await bench(t);
  const made = await run('backup', 'create', 'demo', '--name', 'first', '--watch');
  assert.equal(made.code, 0, made.stderr);
  assert.match(
    made.stdout,
    /^backup\.aileron\.dev\/first created\n(?:[A-Z]\w+ \d+%.*\n)+backup\.aileron\.dev\/first completed in (?:under )?\d+s: 4 files, 217 KiB in an archive of \d+ KiB\n$/,
  );
  const { spec, status } = await backup('first');
  assert.match((await run('backup', 'list', 'demo')).stdout, /^first +demo +Completed +100% +\d+ KiB +4 +\d+s +no$/m);
  assert.match(
    (await run('backup', 'describe', spec.uuid ?? '')).stdout,
    /^Phases:\n {2}PHASE +SINCE +TOOK\n(?: {2}\w+ +20\S+Z +\d+s\n)+/m,
  );
  assert.deepEqual(await run('backup', 'verify', 'first'), {
    code: 0,
    stdout: 'backup.aileron.dev/first verified\n',
    stderr: '',
  });

  const fetched = await run('backup', 'download', 'first');
  assert.equal(fetched.code, 0, fetched.stderr);
  const archive = join(node.directory, 'first.tar.gz');
  const bytes = readFileSync(archive);
  assert.equal(createHash('sha1').update(bytes).digest('hex'), status?.archive?.checksum);
  assert.equal(statSync(archive).mode & 0o777, 0o600);
  const { 'world/latest': _, world: __, 'world/region': ___, ...regular } = treeOf(files);
  const target = await unpacked(node, archive, 'by tar');
  const { world: ____, 'world/region': _____, ...there } = treeOf(target);
  assert.deepEqual(there, regular);

  writeFileSync(`${archive}.part`, bytes.subarray(0, 100_000));
  const resumed = await run('backup', 'download', 'first', '--force');
  assert.match(resumed.stderr, /has 97\.7 KiB already/);
  assert.deepEqual(readFileSync(archive), bytes);

  const missing = await missingKubectl();
  if (!missing) {
    const kubeconfig = join(node.directory, 'kubeconfig');
    writeFileSync(kubeconfig, (await run('kubeconfig')).stdout, { mode: 0o600 });
    const path = '/apis/aileron.dev/v1/backups/first/contents?path=server.properties';
    const raw = await runKubectl(kubeconfig, node.directory, ['get', '--raw', path]);
    assert.equal(raw.out, readFileSync(join(files, 'server.properties'), 'utf8'), raw.err);
    const resources = await runKubectl(kubeconfig, node.directory, ['get', 'backups']);
    assert.match(resources.out, /^first +Completed +100 /m);
  }

  await run('backup', 'lock', 'first');
  const refused = await run('backup', 'delete', 'first');
  assert.deepEqual([refused.code, refused.stdout], [4, '']);
  await run('backup', 'unlock', 'first');
  assert.deepEqual(await run('backup', 'delete', 'first', '--wait'), {
    code: 0,
    stdout: 'backup.aileron.dev/first deleted\n',
    stderr: '',
  });
  assert.equal((await run('backup', 'download', 'first')).code, 3);
});

test('one path of a backup is what GNU tar finds under it', { skip, timeout: 120_000 }, async (t) => {
  const { node, files, run } = await bench(t);
  assert.equal((await run('backup', 'create', 'demo', '--name', 'first', '--wait')).code, 0);
  assert.equal((await run('backup', 'download', 'first')).code, 0);
  const all = await unpacked(node, join(node.directory, 'first.tar.gz'), 'all');

  for (const path of ['server.properties', 'world/level.dat', 'world/a "ü" name.txt', './world/region/r.0.0.mca']) {
    const { code, stderr } = await run('backup', 'extract', 'first', path, '-o', 'one', '--force');
    assert.equal(code, 0, stderr);
    assert.deepEqual(readFileSync(join(node.directory, 'one')), readFileSync(join(files, path)), path);
  }
  const directory = await run('backup', 'extract', 'first', 'world');
  assert.equal(directory.code, 0, directory.stderr);
  const some = await unpacked(node, join(node.directory, 'world.tar'), 'some');
  const inside = existsSync(join(some, 'world')) ? join(some, 'world') : some;
  const { latest: _, ...found } = treeOf(inside);
  assert.deepEqual(found, treeOf(join(all, 'world')));

  const nothing = await run('backup', 'extract', 'first', 'world/none.dat');
  assert.deepEqual([nothing.code, existsSync(join(node.directory, 'none.dat'))], [3, false]);
  assert.match(nothing.stderr, /there is no "world\/none\.dat" in its archive\.$/m);
  assert.equal((await run('backup', 'extract', 'first', '../../etc/passwd')).code, 4);
});

test('files come back as they were, with a moving bar', { skip, timeout: 120_000 }, async (t) => {
  const { node, files, run } = await bench(t);
  writeFileSync(join(files, 'world/big'), randomBytes(3_000_000));
  assert.equal((await run('start', 'demo', '--wait')).code, 0);
  const before = treeOf(files);
  const bar = node.terminal(['backup', 'create', 'demo', '--name', 'first', '-w']);
  await bar.waitFor('first completed in', { ms: 20_000 });
  assert.equal(await bar.ended, 0);
  assert.match(bar.output(), /^.*\[K\w+ +\[(?:[#-]{10,}|[█░]{10,})\] +\d+%/m);

  writeFileSync(join(files, 'world/level.dat'), 'level 2');
  writeFileSync(join(files, 'griefed.txt'), 'by somebody');
  rmSync(join(files, 'world/region'), { recursive: true });
  const some = await run('restore', 'demo', 'first', '--path', 'world/level.dat', '--wait');
  assert.equal(some.code, 0, some.stderr);
  assert.equal(readFileSync(join(files, 'world/level.dat'), 'utf8'), 'level 1');
  assert.deepEqual([existsSync(join(files, 'griefed.txt')), existsSync(join(files, 'world/region'))], [true, false]);

  const all = await run('restore', 'demo', 'first', '--mode', 'truncate', '--watch', '--json');
  assert.equal(all.code, 0, all.stderr);
  const lines = all.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual([lines.at(-1)?.['phase'], lines.at(-1)?.['percentage']], ['Completed', 100]);
  assert.ok(lines.length > 1);
  assert.deepEqual(treeOf(files), before);
  assert.match(
    (await run('restore', 'list', 'demo')).stdout,
    /^demo-restore-\S+ +demo +first +Truncate +Completed +100% /m,
  );
});

test('leaving ends the looking, never the work; cancelling ends the work', { skip, timeout: 120_000 }, async (t) => {
  const { node, files, run, backup } = await bench(t, slow);
  writeFileSync(join(files, 'big'), randomBytes(25_000_000));
  writeFileSync(join(files, 'small'), randomBytes(10_000_000));
  const left = started(t, node, 'backup', 'create', 'demo', '--name', 'first', '--watch', '--json');
  await left.told('"phase":"Archiving"', 3);
  left.child.kill('SIGINT');
  assert.equal(await left.ended, 130, left.output.err);
  assert.equal(
    left.output.err,
    'backup.aileron.dev/first goes on. Watch it again: aileron backup watch first; end it: aileron backup cancel first\n',
  );
  assert.equal((await backup('first')).status?.phase, 'Archiving');

  const again = node.terminal(['backup', 'watch', 'first']);
  await again.waitFor('%', { ms: 10_000 });
  again.press(ctrlC);
  assert.equal(await again.ended, 130);
  const last = started(t, node, 'backup', 'watch', 'first');
  await last.told('Archiving');
  assert.equal((await run('backup', 'create', 'demo', '--name', 'second', '--ignore', 'big')).code, 0);
  assert.equal((await run('backup', 'cancel', 'first')).code, 0);
  assert.equal(await last.ended, 1);
  assert.match(last.output.err, /^aileron: first was cancelled: .+\.\n$/);
  assert.equal((await backup('first')).status?.phase, 'Cancelled');

  // A restart of the node is waited for.
  const over = started(t, node, 'backup', 'watch', 'second');
  await over.told('Archiving');
  await node.stop();
  await over.told('Waiting for it.', 1, 'err');
  await node.start();
  assert.equal(await over.ended, 0, over.output.err);
  assert.match(over.output.err, /does not answer: .* Waiting for it\.$/m);
});
