import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { Config } from '../../../src/config/config.ts';
import { writeBack } from '../../../src/config/write-back.ts';
import { writeConfig } from '../../../src/config/write-config.ts';
import { aConfig } from '../../support/a-config.ts';

let root: string;
let path: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'write-back-'));
  path = join(root, 'config.yml');
});

afterEach(() => rm(root, { recursive: true, force: true }));

function resolved(): Config {
  const config = aConfig('pelican', 'system: {username: games, user: {uid: 5, gid: 6}}');
  return { ...config, path };
}

test('the user in the file is the one that was found; the rest stays byte for byte', async () => {
  const text = `# ours\ntoken: 'x'   # secret\nsystem:\n  username: pelican # who\n  timezone: Europe/Berlin\n  user:\n    uid: 988 # was\n    gid: "6"\nunknown: [1, 2]\n`;
  await writeFile(path, text, { mode: 0o600 });
  await writeBack(resolved(), { warn: assert.fail });
  const expected = text.replace('pelican # who', 'games # who').replace('988 # was', '5 # was');
  assert.equal(await readFile(path, 'utf8'), expected);
});

test('a file that does not mention the user is not written', async () => {
  await writeFile(path, 'token: x\n', { mode: 0o600 });
  const before = await stat(path);
  await writeBack(resolved(), { warn: assert.fail, replace: async () => assert.fail('written') });
  assert.deepEqual([(await stat(path)).ino, (await stat(path)).mtimeMs], [before.ino, before.mtimeMs]);
});

test('a file that cannot be written is told, and the start goes on', async () => {
  await writeFile(path, 'token: x\nsystem: {username: pelican}\n', { mode: 0o600 });
  const warnings: string[] = [];
  const replace = async () => {
    throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
  };
  await writeBack(resolved(), { warn: (message) => void warnings.push(message), replace });
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /config\.yml cannot be written \(ENOSPC/);
});

const unshare = '/usr/bin/unshare';
/** A mount needs a name space of its own, which needs root. */
const mounts = process.getuid?.() === 0 && existsSync(unshare);

test('a file that is a mount point is written in place, one on a read-only mount is left alone', {
  skip: !mounts,
}, async () => {
  await writeFile(path, 'token: x\n', { mode: 0o600 });
  await chmod(root, 0o700);
  const module = join(import.meta.dirname, '../../../src/config/write-config.ts');
  const script = join(root, 'script.ts');
  await writeFile(
    script,
    `import { execFileSync } from 'node:child_process';
import { writeConfig } from ${JSON.stringify(module)};
const file = ${JSON.stringify(path)};
const change = (value) => writeConfig(file, [{ path: ['token'], value }], { warn: console.error });
execFileSync('/bin/mount', ['--bind', file, file]);
const first = await change('new');
execFileSync('/bin/mount', ['-o', 'remount,ro,bind', file]);
console.log(first, await change('newer'));
`,
  );
  let out: string;
  try {
    out = execFileSync(unshare, ['--mount', process.execPath, script], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    // Some sandboxes let nobody mount.
    if (/(?:unshare|mount).*(?:denied|not permitted)/i.test(String((error as { stderr?: string }).stderr))) return;
    throw error;
  }
  assert.equal(out, 'written read-only\n');
  assert.equal(await readFile(path, 'utf8'), 'token: new\n');
});

test('writing answers what it did', async () => {
  await writeFile(path, 'token: x\n', { mode: 0o600 });
  const write = () => writeConfig(path, [{ path: ['token'], value: 'y' }], { warn: assert.fail });
  assert.deepEqual([await write(), await write()], ['written', 'unchanged']);
});
