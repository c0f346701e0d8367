// bin/aileron: finds a fitting Node.js from anywhere, and lets nobody's environment load code into the daemon.
import assert from 'node:assert/strict';
import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runProgram } from '../support/run-program.ts';
import { checkout } from '../support/source-files.ts';

const launcher = join(checkout, 'bin/aileron');

test('works through a symbolic link and from another directory', async (t) => {
  const folder = await temporaryFolder(t);
  await symlink(launcher, join(folder, 'link'));
  await symlink('link', join(folder, 'aileron'));
  const { code, stdout } = await runProgram('./aileron', ['version'], { cwd: folder });
  assert.equal(code, 0);
  assert.match(stdout, /^aileron v\d+\.\d+\.\d+\nNode\.js v(2[4-9]|[3-9]\d)\./);
});

test('a wrong command line is told on standard error and ends with 2', async () => {
  for (const args of [['no-such-command'], ['up', '--no-such-option'], ['up', '--config']]) {
    const { code, stdout, stderr } = await runProgram(launcher, args);
    assert.equal(code, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.match(stderr, /^error: /);
  }
});

test('help names the commands', async () => {
  const { code, stdout } = await runProgram(launcher, ['--help']);
  assert.equal(code, 0);
  for (const command of ['up', 'kubeconfig', 'version']) assert.match(stdout, new RegExp(`^ {2}${command}\\b`, 'm'));
});

test('NODE_OPTIONS of the caller loads nothing (covers: SEC-125)', async (t) => {
  const folder = await temporaryFolder(t);
  const evil = join(folder, 'evil.cjs');
  await writeFile(evil, "process.stdout.write('EVIL');");
  const { code, stdout } = await runProgram(launcher, ['version'], {
    env: { ...process.env, NODE_OPTIONS: `--require ${evil}` },
  });
  assert.equal(code, 0);
  assert.doesNotMatch(stdout, /EVIL/);
});

test('takes a new enough Node.js from the PATH and passes it the hardened flags (covers: SEC-60, SEC-125)', async (t) => {
  const { bin, path } = await bareCheckout(t, 'v24.3.0');
  const { code, stdout } = await runProgram(join(bin, 'aileron'), ['up', '--config', 'a file'], {
    env: { PATH: path },
  });
  assert.equal(code, 0);
  const args = stdout.split('\n');
  assert.ok(args.includes('--disable-sigusr1'));
  assert.ok(args.includes('--disable-proto=delete'));
  assert.deepEqual(args.slice(-4, -1), ['up', '--config', 'a file']);
});

test('without one it says so in a sentence', async (t) => {
  const { bin, path } = await bareCheckout(t, 'v22.19.0');
  const { code, stdout, stderr } = await runProgram(join(bin, 'aileron'), ['version'], { env: { PATH: path } });
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^Aileron needs Node\.js 24 or newer; [^\n]+\.\n$/);
});

/** A checkout without a Node.js of its own and a PATH whose `node` says that it is `version` and prints its arguments. */
async function bareCheckout(t: TestContext, version: string): Promise<{ bin: string; path: string }> {
  const folder = await temporaryFolder(t);
  const [bin, tools] = [join(folder, 'checkout/bin'), join(folder, 'tools')];
  await mkdir(bin, { recursive: true });
  await mkdir(tools);
  await cp(launcher, join(bin, 'aileron'));
  const node = join(tools, 'node');
  await writeFile(node, `#!/bin/sh\nif [ "$1" = --version ]; then echo ${version}; else printf '%s\\n' "$@"; fi\n`);
  await chmod(node, 0o755);
  return { bin, path: `${tools}:/usr/bin:/bin` };
}

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aileron-launcher-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}
