// A configuration file on a disk that others write to: what is edited, what is made, and what is never touched.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { EggConfigFile } from '../../../src/egg/config-file.ts';
import { type EggFileResult, editFile } from '../../../src/egg/edit-file.ts';
import { eggContext } from '../../support/egg.ts';
import { descriptorsBelow } from '../../support/open-descriptors.ts';

const asRoot = process.getuid?.() === 0;
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const owner = asRoot ? { uid: 41_234, gid: 41_235 } : self;

function setUp(t: TestContext) {
  const base = mkdtempSync(join(tmpdir(), 'aileron-egg-'));
  const directory = join(base, 'root');
  const path = (...names: string[]) => join(directory, ...names);
  mkdirSync(directory);
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside/secret'), 'a=1\n', { mode: 0o600 });
  t.after(() => {
    using _gone = { [Symbol.dispose]: () => rmSync(base, { recursive: true }) };
    assert.deepEqual(descriptorsBelow(base), [], 'descriptors left open');
    assert.equal(readFileSync(join(base, 'outside/secret'), 'utf8'), 'a=1\n');
    assert.deepEqual(readdirSync(join(base, 'outside')), ['secret']);
    assert.deepEqual(readdirSync(base).sort(), ['outside', 'root']);
  });
  const edit = (config: Partial<EggConfigFile>): EggFileResult =>
    editFile(
      {
        directory,
        owner,
        context: { ...eggContext, environment: { DIR: 'conf', UP: '../outside' } },
        config: { file: 'f', parser: 'properties', replace: [{ match: 'a', replaceWith: '2' }], ...config },
      },
      () => {},
    );
  return { base, path, edit, outside: join(base, 'outside') };
}

const owned = (path: string) => {
  const { uid, gid, mode } = statSync(path);
  return { uid, gid, mode: mode & 0o7777 };
};

test('a file keeps its owner and mode, and nothing lies about afterwards (covers: SEC-98)', (t) => {
  const { path, edit } = setUp(t);
  writeFileSync(path('f'), 'a=1\n');
  chmodSync(path('f'), 0o640);
  const theirs = asRoot ? { uid: 50_000, gid: 50_001 } : self;
  chownSync(path('f'), theirs.uid, theirs.gid);
  assert.deepEqual(edit({}), { result: 'written', notes: [] });
  assert.equal(readFileSync(path('f'), 'utf8'), 'a=2\n');
  assert.deepEqual(owned(path('f')), { ...theirs, mode: 0o640 });
  assert.deepEqual(readdirSync(path()), ['f']);
});

test('whoever is killed before the new file is in its place leaves the old one whole (covers: SEC-98)', (t) => {
  const { path, edit } = setUp(t);
  writeFileSync(path('f'), 'a=1\n');
  chmodSync(path('f'), 0o640);
  const { ino } = statSync(path('f'));
  const files = join(import.meta.dirname, '../../../src/volumes/rooted-file-system.ts');
  const directory = join(import.meta.dirname, '../../../src/volumes/open-directory.ts');
  const script = `
    import { writeSync } from 'node:fs';
    const { RootedFileSystem } = await import(${JSON.stringify(files)});
    const { OpenDirectory } = await import(${JSON.stringify(directory)});
    const root = OpenDirectory.open(${JSON.stringify(path())});
    const file = new RootedFileSystem(root, ${JSON.stringify(owner)}).replace('f', {});
    writeSync(file.fd, 'a=2 and half of what com');
    process.kill(process.pid, 'SIGKILL');
  `;
  const { signal } = spawnSync(process.execPath, ['--input-type=module', '--eval', script]);
  assert.equal(signal, 'SIGKILL');
  assert.equal(readFileSync(path('f'), 'utf8'), 'a=1\n');
  assert.deepEqual([statSync(path('f')).ino, statSync(path('f')).mode & 0o777], [ino, 0o640]);
  const [left = ''] = readdirSync(path()).filter((name) => name !== 'f');
  assert.match(left, /^\.aileron-[0-9a-f]{24}\.part$/);
  assert.equal(statSync(path(left)).mode & 0o077, 0, 'nobody reads what is not finished');
  assert.equal(edit({}).result, 'written');
  assert.equal(readFileSync(path('f'), 'utf8'), 'a=2\n');
});

test('a file that is right already is not written', (t) => {
  const { path, edit } = setUp(t);
  writeFileSync(path('f'), 'a=2\n');
  const before = statSync(path('f'));
  assert.equal(edit({}).result, 'unchanged');
  assert.equal(statSync(path('f')).ino, before.ino);
  assert.equal(statSync(path('f')).mtimeMs, before.mtimeMs);
});

test('another name of the same file keeps the old content (covers: SEC-98)', (t) => {
  const { path, edit } = setUp(t);
  writeFileSync(path('f'), 'a=1\n');
  linkSync(path('f'), path('g'));
  assert.equal(edit({}).result, 'written');
  assert.equal(readFileSync(path('g'), 'utf8'), 'a=1\n');
});

test('a missing file is made with its directories, for the user of the server', (t) => {
  const { path, edit } = setUp(t);
  assert.equal(edit({ file: '/{{DIR}}/deep/f' }).result, 'written');
  assert.equal(readFileSync(path('conf/deep/f'), 'utf8'), 'a=2\n');
  assert.deepEqual(owned(path('conf/deep/f')), { ...owner, mode: 0o644 });
  assert.deepEqual(owned(path('conf/deep')), { ...owner, mode: 0o755 });
  assert.equal(edit({ file: 'empty', parser: 'file' }).result, 'written');
  assert.equal(statSync(path('empty')).size, 0);
});

test('create_file: false edits what is there and makes nothing', (t) => {
  const { path, edit } = setUp(t);
  assert.deepEqual(edit({ createFile: false }), { result: 'skipped', notes: [] });
  assert.deepEqual(readdirSync(path()), []);
  writeFileSync(path('f'), 'a=1\n');
  assert.equal(edit({ createFile: false }).result, 'written');
  assert.equal(readFileSync(path('f'), 'utf8'), 'a=2\n');
});

test('an unknown parser makes no file', (t) => {
  const { path, edit } = setUp(t);
  assert.equal(edit({ parser: 'hocon' }).result, 'skipped');
  assert.deepEqual(readdirSync(path()), []);
});

test('a file that cannot be parsed stays, and none is made in its place', (t) => {
  const { path, edit } = setUp(t);
  writeFileSync(path('f'), '{"a":1,}');
  assert.equal(edit({ parser: 'json' }).result, 'failed');
  assert.equal(readFileSync(path('f'), 'utf8'), '{"a":1,}');
});

test('no path leads out (covers: SEC-01, SEC-03)', (t) => {
  const { path, edit, outside } = setUp(t);
  symlinkSync(join(outside, 'secret'), path('absolute'));
  symlinkSync('../outside/secret', path('relative'));
  symlinkSync(join(outside, 'new'), path('dangling'));
  symlinkSync(outside, path('directory'));
  symlinkSync('../outside', path('up'));
  for (const file of [
    '../x',
    '../outside/secret',
    'a/../../outside/secret',
    '{{UP}}/secret',
    `$\{UP}/secret`,
    'absolute',
    'relative',
    'dangling',
    'directory/secret',
    'directory/new',
    'up/new',
    'up/deep/new',
    '.',
    '/',
    '..',
  ]) {
    assert.equal(edit({ file }).result, 'failed', file);
  }
});

test('a link within the root is followed on the way, not at the end', (t) => {
  const { path, edit } = setUp(t);
  mkdirSync(path('real'));
  writeFileSync(path('real/f'), 'a=1\n');
  symlinkSync('real', path('way'));
  symlinkSync('real/f', path('end'));
  assert.equal(edit({ file: 'way/f' }).result, 'written');
  assert.equal(edit({ file: 'end' }).result, 'failed');
});

test('what is no file, or too large, is left at once (covers: SEC-08, SEC-93)', { timeout: 10_000 }, (t) => {
  const { path, edit } = setUp(t);
  assert.equal(spawnSync('mkfifo', [path('pipe')]).status, 0);
  symlinkSync('/dev/zero', path('zero'));
  mkdirSync(path('directory'));
  writeFileSync(path('huge'), 'a=1\n');
  truncateSync(path('huge'), 10 * 2 ** 30);
  for (const file of ['pipe', 'zero', 'directory', 'huge']) assert.equal(edit({ file }).result, 'failed', file);
  assert.equal(statSync(path('huge')).size, 10 * 2 ** 30);
});

test('a directory that is gone, or is a link, is no root', (t) => {
  const { base, path, edit, outside } = setUp(t);
  rmSync(path(), { recursive: true });
  assert.equal(edit({}).result, 'failed');
  symlinkSync(outside, path());
  assert.equal(edit({ file: 'secret' }).result, 'failed');
  rmSync(path());
  mkdirSync(path());
  assert.equal(existsSync(join(base, 'root')), true);
});
