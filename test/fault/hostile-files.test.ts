// A process in the container exchanges directories, files, links and FIFOs under the daemon's hands while it works on
// them by path. Whatever the outcome of a call is, nothing outside the server's directory is read, listed or changed, no
// call waits, and no descriptor stays open.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { errorCode, VolumeError, volumeError } from '../../src/volumes/errors.ts';
import { readIgnoreFile } from '../../src/volumes/ignore-file.ts';
import { OpenDirectory } from '../../src/volumes/open-directory.ts';
import { RootedFileSystem } from '../../src/volumes/rooted-file-system.ts';
import { type Attack, startAttacker, stopAttacker, swappedPairs } from '../support/attacker.ts';
import { descriptorsBelow } from '../support/open-descriptors.ts';

const timeLimitMs = 4_000;
const asRoot = process.getuid?.() === 0;
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const server = asRoot ? { uid: 41_234, gid: 41_235 } : self;
const fastFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const secretText = 'the secret of the host';

interface Stage {
  tree: string;
  canary: string;
  root: OpenDirectory;
  files: RootedFileSystem;
}

function setStage(t: TestContext): Stage {
  const base = mkdtempSync(join(fastFolder, 'aileron-hostile-files-'));
  const tree = join(base, 'tree');
  const canary = join(base, 'canary');
  mkdirSync(tree);
  mkdirSync(join(canary, 'sub'), { recursive: true });
  writeFileSync(join(canary, 'inner'), secretText, { mode: 0o600 });
  const root = OpenDirectory.open(tree);
  const before = lookOf(canary);
  t.after(() => {
    using _gone = { [Symbol.dispose]: () => rmSync(base, { recursive: true }) };
    root[Symbol.dispose]();
    assert.deepEqual(lookOf(canary), before, 'something outside was touched');
    assert.deepEqual(descriptorsBelow(base), [], 'descriptors left open');
  });
  return { tree, canary, root, files: new RootedFileSystem(root, server) };
}

/** All that an operation that went astray would change. */
function lookOf(canary: string): unknown {
  const of = (name: string) => {
    const { ino, mode, uid, gid, size, nlink, mtimeMs, ctimeMs } = lstatSync(join(canary, name));
    return { ino, mode, uid, gid, size, nlink, mtimeMs, ctimeMs };
  };
  return [
    readdirSync(canary, { recursive: true }),
    readFileSync(join(canary, 'inner'), 'utf8'),
    of('inner'),
    of('sub'),
    of('.'),
  ];
}

type Operation = (stage: Stage, path: string) => void;

/** One operation after the other on what is under attack. A refusal is as good as an outcome. */
async function under(attack: Attack, stage: Stage, acts: Record<string, Operation>, ready: (pair: number) => void) {
  const attacker = await startAttacker(attack, stage.tree, stage.canary);
  const done = new Map(Object.keys(acts).map((label) => [label, 0]));
  let longest = 0;
  try {
    const end = performance.now() + timeLimitMs;
    for (let round = 0; performance.now() < end; round++) {
      const pair = round % swappedPairs;
      for (const [label, act] of Object.entries(acts)) {
        ready(pair);
        const began = performance.now();
        if (succeeds(label, () => act(stage, `${pair}`))) done.set(label, (done.get(label) ?? 0) + 1);
        longest = Math.max(longest, performance.now() - began);
      }
    }
  } finally {
    await stopAttacker(attacker);
  }
  for (const [label, times] of done) assert.ok(times > 3, `${label} came to its end ${times} times`);
  assert.ok(longest < 1000, `a call took ${longest} ms`);
}

function succeeds(label: string, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (!(error instanceof VolumeError)) throw error;
    assert.notEqual(error.code, 'FAILED', `${label}: ${error.cause}`);
    return false;
  }
}

function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

function contentOf(fd: number): string {
  try {
    const content = Buffer.alloc(100);
    return content.toString('utf8', 0, readSync(fd, content, 0, 100, 0));
  } finally {
    closeSync(fd);
  }
}

function writeTo(fd: number): void {
  writeSync(fd, 'harmless', 0);
  closeSync(fd);
}

/** Each operation, on a path that may lead anywhere by now. */
const operations: Record<string, Operation> = {
  stat: ({ files, canary }, path) => assert.notEqual(files.stat(path).ino, lstatSync(join(canary, 'inner')).ino),
  list: ({ files }, path) => assert.ok([...files.list(dirname(path))].every(({ name }) => name.toString() !== 'sub')),
  open: ({ files }, path) => assert.notEqual(contentOf(files.open(path).fd), secretText),
  read: ({ files }, path) => assert.notEqual(files.read(path, 100).toString(), secretText),
  write: ({ files }, path) => writeTo(files.openForWrite(path, { parents: true }).fd),
  replace({ files }, path) {
    using file = files.replace(path, { parents: true });
    writeSync(file.fd, 'harmless');
    file.commit();
  },
  rename({ files }, path) {
    files.rename(path, `${path}-moved`);
    files.rename(`${path}-moved`, path);
  },
  chmod: ({ files }, path) => files.chmod(path, 0o777),
  chown: ({ files }, path) => files.chown(path, server),
  'set times': ({ files }, path) => files.setTimes(path, 5, 5),
  'make a link': ({ files }, path) => files.makeLink(`${path}-link`, Buffer.from('x')),
  'make a directory': ({ files }, path) => files.makeDirectory(`${path}-directory/sub`, { parents: true }),
};
const ignoreFile: Record<string, Operation> = {
  'read an ignore file'({ root }, path) {
    const { lines } = readIgnoreFile(root, [path]);
    assert.notEqual(lines.toString(), secretText);
  },
};
const creation: Record<string, Operation> = {
  create({ root, files }, path) {
    attempt(() => files.remove(path, () => {}));
    try {
      writeTo(root.createFile(Buffer.from(path), 0o644));
    } catch (error) {
      throw volumeError(error);
    }
  },
};
const removal: Record<string, Operation> = { remove: ({ files }, path) => files.remove(path, () => {}) };

/** The operations on the path that belongs to a pair. */
function on(pathOf: (pair: string) => string, acts: Record<string, Operation>): Record<string, Operation> {
  return Object.fromEntries(
    Object.entries(acts).map(([label, act]): [string, Operation] => [label, (stage, pair) => act(stage, pathOf(pair))]),
  );
}

/** What an earlier operation made of the path; by the calls under test, for none else would be safe here. */
function tidy({ files }: Stage, path: string): void {
  for (const made of ['link', 'directory', 'moved']) attempt(() => files.remove(`${path}-${made}`, () => {}));
  attempt(() => closeSync(files.openForWrite(path).fd));
}

test('a directory on the way changes places with a link out (covers: SEC-01, SEC-02, SEC-03, SEC-04, SEC-06)', async (t) => {
  const stage = setStage(t);
  for (let pair = 0; pair < swappedPairs; pair++) {
    mkdirSync(join(stage.tree, `evil-${pair}`));
    symlinkSync(stage.canary, join(stage.tree, `link-${pair}`));
  }
  const acts = on((pair) => `evil-${pair}/inner`, { ...operations, ...removal });
  await under('swap', stage, acts, (pair) => tidy(stage, `evil-${pair}/inner`));
});

test('a file changes places with a link out (covers: SEC-01, SEC-03, SEC-04, SEC-05, SEC-06, SEC-07, SEC-22)', async (t) => {
  const stage = setStage(t);
  const acts = on((pair) => `evil-${pair}`, { ...operations, ...ignoreFile, ...creation, ...removal });
  await under('swap', stage, acts, (pair) => {
    attempt(() => symlinkSync(join(stage.canary, 'inner'), join(stage.tree, `link-${pair}`)));
    tidy(stage, `evil-${pair}`);
  });
});

test('a file changes places with a FIFO (covers: SEC-08, SEC-22)', async (t) => {
  const stage = setStage(t);
  const pipes = Array.from({ length: swappedPairs }, (_, pair) => join(stage.tree, `link-${pair}`));
  assert.equal(spawnSync('mkfifo', pipes).status, 0);
  const { replace: _, ...others } = operations;
  const acts = on((pair) => `evil-${pair}`, { ...others, ...ignoreFile });
  await under('swap', stage, acts, (pair) => tidy(stage, `evil-${pair}`));
});

test('each directory that is made changes places with a link out (covers: SEC-03, SEC-06)', async (t) => {
  const stage = setStage(t);
  const { write, replace } = operations;
  assert.ok(write && replace);
  const acts = on((pair) => `new-${pair}/made`, {
    write,
    replace,
    'make a link': ({ files }, path) => files.makeLink(path, Buffer.from('x'), { parents: true }),
    'make a directory': ({ files }, path) => files.makeDirectory(path, { parents: true }),
  });
  await under('ambush', stage, acts, (pair) => attempt(() => stage.files.remove(`new-${pair}`, () => {})));
});
