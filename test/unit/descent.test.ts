// The way from a server's root to a directory: which links are followed, where they may lead, and that the kernel's own
// openat2 with RESOLVE_BENEATH comes to the same place or refuses as well.
import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Descent } from '../../src/volumes/descent.ts';
import { errorCode } from '../../src/volumes/errors.ts';
import { OpenDirectory } from '../../src/volumes/open-directory.ts';
import { parsePath } from '../../src/volumes/server-path.ts';
import { descriptorsBelow } from '../support/open-descriptors.ts';
import { openBeneath } from '../support/openat2.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** Directories end with a slash, links have an arrow; the rest is files. */
function setUp(t: TestContext, entries: readonly string[] = []) {
  const base = temporaryDirectory(t);
  const path = join(base, 'root');
  mkdirSync(path);
  writeFileSync(join(base, 'secret'), 'secret');
  for (const entry of entries) build(path, entry);
  const root = OpenDirectory.open(path);
  t.after(() => {
    root[Symbol.dispose]();
    assert.deepEqual(descriptorsBelow(base), [], 'descriptors left open');
  });
  return { base, path, root };
}

function build(path: string, entry: string): void {
  const [name = '', target] = entry.split(' → ');
  mkdirSync(dirname(join(path, name)), { recursive: true });
  if (target !== undefined) symlinkSync(target, join(path, name));
  else if (name.endsWith('/')) mkdirSync(join(path, name), { recursive: true });
  else writeFileSync(join(path, name), '');
}

/** The way with links resolved, or the code of the refusal. */
function descend(root: OpenDirectory, path: string | Buffer, maker?: typeof self): string {
  try {
    using way = Descent.to(parsePath(path), root, maker);
    return `/${way.names.join('/')}`;
  } catch (error) {
    return errorCode(error) ?? String(error);
  }
}

test('links on the way are followed beneath the root only (covers: SEC-01, SEC-02)', (t) => {
  const { base, root } = setUp(t, [
    'real/sub/',
    'real/file',
    'dlink → real',
    'deep/er/up → ../../real/sub',
    'deep/er/dots → ./.././er//../../real/',
    'two → one',
    'one → real/sub',
    'absolute → /real',
    'home → /home/container/real',
    'rising → ../root/real',
    'out → ..',
    'far → ../../../../../../../../etc',
    'back → real/../../root/real',
    'loop → loop',
    'ping → pong',
    'pong → ping',
    'dangling → nowhere',
    'to-file → real/file',
    'here → .',
    'long → '.concat('n'.repeat(256)),
  ]);
  symlinkSync(base, join(base, 'root/outside'));
  const table: Record<string, string> = {
    '': '/',
    '/': '/',
    'real/sub': '/real/sub',
    '//real/./sub//': '/real/sub',
    'dlink/sub': '/real/sub',
    dlink: '/real',
    'deep/er/up': '/real/sub',
    'deep/er/dots/sub': '/real/sub',
    two: '/real/sub',
    'here/here/real': '/real',
    'dlink/../two': '/real/sub',
    absolute: 'NOT_FOUND',
    home: 'NOT_FOUND',
    rising: 'NOT_FOUND',
    out: 'NOT_FOUND',
    'out/root': 'NOT_FOUND',
    far: 'NOT_FOUND',
    back: 'NOT_FOUND',
    outside: 'NOT_FOUND',
    loop: 'NOT_FOUND',
    ping: 'NOT_FOUND',
    dangling: 'NOT_FOUND',
    long: 'NOT_FOUND',
    missing: 'NOT_FOUND',
    'missing/sub': 'NOT_FOUND',
    'real/file': 'NOT_A_DIRECTORY',
    'real/file/x': 'NOT_A_DIRECTORY',
    'to-file': 'NOT_A_DIRECTORY',
    '..': 'NOT_FOUND',
    '../root': 'NOT_FOUND',
    'real/../..': 'NOT_FOUND',
    '.../...//': 'NOT_FOUND',
    '..;/': 'NOT_FOUND',
    '%2e%2e/': 'NOT_FOUND',
  };
  const found = Object.fromEntries(Object.keys(table).map((path) => [path, descend(root, path)]));
  assert.deepEqual(found, table);
});

test('a path has bounds: its length, its names, its depth, its bytes (covers: SEC-09)', (t) => {
  const { root } = setUp(t, ['d/'.repeat(129), `deeper → ${'d/'.repeat(100)}`]);
  const table: [string | Buffer, string][] = [
    ['n'.repeat(255), 'NOT_FOUND'],
    ['n'.repeat(256), 'BAD_PATH'],
    ['ä'.repeat(128), 'BAD_PATH'],
    ['./'.repeat(2048), '/'],
    ['./'.repeat(2048).concat('/'), 'BAD_PATH'],
    ['d\0', 'BAD_PATH'],
    [Buffer.from([0x64, 0, 0x64]), 'BAD_PATH'],
    ['d/'.repeat(128), `/${'d/'.repeat(127)}d`],
    ['d/'.repeat(129), 'BAD_PATH'],
    ['d/'.repeat(128).concat('..'), `/${'d/'.repeat(126)}d`],
    ['missing/'.repeat(128), 'NOT_FOUND'],
    ['missing/'.repeat(129), 'BAD_PATH'],
    ['deeper', `/${'d/'.repeat(99)}d`],
    [`deeper/${'d/'.repeat(28)}`, `/${'d/'.repeat(127)}d`],
    [`deeper/${'d/'.repeat(29)}`, 'BAD_PATH'],
    [Buffer.from([0xff, 0xfe]), 'NOT_FOUND'],
  ];
  for (const [index, [path, expected]] of table.entries()) assert.equal(descend(root, path), expected, `row ${index}`);
});

test('forty links are followed, not one more, and no link makes work without end (covers: SEC-02)', (t) => {
  const chain = Array.from({ length: 45 }, (_, i) => `link-${i + 1} → link-${i}`);
  const waste = Array.from({ length: 30 }, (_, i) => `waste-${i + 1} → ${'real/../'.repeat(400)}waste-${i}`);
  const { root } = setUp(t, ['real/', 'link-0 → real', 'waste-0 → real', ...chain, ...waste]);
  assert.equal(descend(root, 'link-39'), '/real');
  assert.equal(descend(root, 'link-40'), 'NOT_FOUND');
  assert.equal(descend(root, 'waste-1'), '/real');
  assert.equal(descend(root, 'waste-30'), 'NOT_FOUND');
});

test('missing directories are made where the path names them, never where a link does (covers: SEC-03)', (t) => {
  const { base, path, root } = setUp(t, ['real/', 'link → real', 'dangling → nowhere', 'file']);
  symlinkSync(join(base, 'new'), join(path, 'dangling-out'));
  assert.equal(descend(root, 'a/b/c', self), '/a/b/c');
  assert.equal(descend(root, 'link/x/y', self), '/real/x/y');
  assert.equal(descend(root, 'dangling/x', self), 'NOT_FOUND');
  assert.equal(descend(root, 'dangling-out/x', self), 'NOT_FOUND');
  assert.equal(descend(root, 'file/x', self), 'NOT_A_DIRECTORY');
  assert.deepEqual(readdirSync(base).sort(), ['root', 'secret']);
  assert.deepEqual(readdirSync(path).sort(), ['a', 'dangling', 'dangling-out', 'file', 'link', 'real']);
});

test('the kernel agrees on 60 random layouts (covers: SEC-02)', (t) => {
  let seed = 7;
  const random = (limit: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % limit;
  };
  const some = (of: readonly string[], most: number) =>
    Array.from({ length: 1 + random(most) }, () => of[random(of.length)]);
  let accepted = 0;
  let refused = 0;
  for (let layout = 0; layout < 60; layout++) {
    const { base, path, root } = setUp(t, [`${some(['a', 'b', 'c'], 3).join('/')}/`]);
    if (inodeOf(openBeneath(root.fd, '.')) === undefined) return t.skip('this kernel has no openat2');
    for (let i = 0; i < 12; i++) {
      const place = [...some(['a', 'b', 'c'], 2), `${['l', 'm', 'a'][random(3)]}`].join('/');
      const start = ['', '', '', '', '/', `${base}/root/`][random(6)];
      const target = `${start}${some(['a', 'b', 'l', 'm', '..', '..', '.', ''], 4).join('/')}` || '.';
      attempt(() => build(path, random(3) === 0 ? `${place}/` : `${place} → ${target}`));
    }
    for (let i = 0; i < 80; i++) {
      const wanted = some(['a', 'b', 'c', 'l', 'm'], 4).join('/');
      const kernels = inodeOf(openBeneath(root.fd, wanted));
      const ours = ourInode(root, wanted);
      assert.equal(ours, kernels, `${wanted} in layout ${layout}`);
      if (kernels === undefined) refused += 1;
      else accepted += 1;
    }
  }
  assert.ok(accepted > 300 && refused > 300, `${accepted} accepted, ${refused} refused`);
});

function ourInode(root: OpenDirectory, path: string): bigint | undefined {
  try {
    using way = Descent.to(parsePath(path), root);
    return way.here.stat().ino;
  } catch (error) {
    assert.match(errorCode(error) ?? String(error), /^NOT_/);
    return undefined;
  }
}

function inodeOf(fd: number): bigint | undefined {
  if (fd < 0) return undefined;
  const { ino } = fstatSync(fd, { bigint: true });
  closeSync(fd);
  return ino;
}

/** What stands there already, or cannot be reached, is a layout too. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}
