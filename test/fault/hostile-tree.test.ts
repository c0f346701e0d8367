// The file system of a server is changed by others while the daemon works on it. Each test runs against a process that
// exchanges directories for links to a host directory, or brings and takes hard links to a host file, without pause.
import assert from 'node:assert/strict';
import {
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runTreeTask, type TreeTask } from '../../src/volumes/tree-task.ts';
import { type Attack, startAttacker, stopAttacker, swappedPairs } from '../support/attacker.ts';

const runsWanted = 3_000;
const timeLimitMs = 3_000;
const needsRoot = { skip: process.getuid?.() !== 0 && 'needs root' };
/** In memory where there is such a place: the more rounds in the time, the better. */
const fastFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

const stop = new SharedArrayBuffer(4);

interface Stage {
  data: string;
  tree: string;
  /** A directory of the host beside the tree, with files that have no business with it. */
  canary: string;
  secret: string;
}

function setStage(t: TestContext): Stage {
  const base = mkdtempSync(join(fastFolder, 'aileron-hostile-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const stage = {
    data: join(base, 'data'),
    tree: join(base, 'data/tree'),
    canary: join(base, 'canary'),
    secret: join(base, 'canary/inner'),
  };
  mkdirSync(stage.data);
  mkdirSync(join(stage.canary, 'sub'), { recursive: true });
  writeFileSync(stage.secret, '');
  truncateSync(stage.secret, 1024 ** 3);
  writeFileSync(join(stage.canary, 'sub/deep'), 'x');
  mkdirSync(stage.tree);
  buildPairs(stage);
  return stage;
}

/** What the attacker of kind `swap` plays with; also while it plays. */
function buildPairs({ tree, canary }: Stage): void {
  for (let pair = 0; pair < swappedPairs; pair++) {
    attempt(() => mkdirSync(join(tree, `evil-${pair}`)));
    attempt(() => writeFileSync(join(tree, `evil-${pair}`, 'inner'), 'x', { flag: 'wx' }));
    attempt(() => symlinkSync(canary, join(tree, `link-${pair}`)));
  }
}

function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

async function under(attack: Attack, stage: Stage, work: () => void): Promise<number> {
  const attacker = await startAttacker(attack, stage.tree, stage.secret);
  let runs = 0;
  try {
    const end = performance.now() + timeLimitMs;
    for (; runs < runsWanted && performance.now() < end; runs++) work();
  } finally {
    await stopAttacker(attacker);
  }
  return runs;
}

type Work = { kind: 'count' | 'remove' } | { kind: 'own'; uid: number; gid: number };

function run(stage: Stage, work: Work) {
  const task: TreeTask = { parent: stage.data, name: 'tree', ...work };
  return runTreeTask({ task, stop });
}

/** All that a walk that went astray would change. */
function lookOf(stage: Stage): unknown {
  return ['.', 'inner', 'sub', 'sub/deep'].map((name) => {
    const { uid, gid, mode, size, mtimeMs } = lstatSync(join(stage.canary, name));
    return { name, uid, gid, mode, size, mtimeMs };
  });
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

test('a count never leaves the tree while directories and links change places', async (t) => {
  const stage = setStage(t);
  const before = openDescriptors();
  const runs = await under('swap', stage, () => {
    const reply = run(stage, { kind: 'count' });
    assert.equal(reply.kind, 'counted');
    assert.ok(reply.kind === 'counted' && reply.bytes < 1000, JSON.stringify(reply));
  });
  assert.ok(runs > 3, `${runs} runs`);
  assert.equal(openDescriptors(), before);
});

test('a removal never leaves the tree while directories and links change places (covers: SEC-04)', async (t) => {
  const stage = setStage(t);
  const look = lookOf(stage);
  const before = openDescriptors();
  let removed = 0;
  const runs = await under('swap', stage, () => {
    attempt(() => mkdirSync(stage.tree));
    buildPairs(stage);
    const reply = run(stage, { kind: 'remove' });
    if (reply.kind === 'removed') removed += 1;
    else assert.equal(reply.kind === 'failed' && reply.code, 'BUSY', JSON.stringify(reply));
    assert.deepEqual(lookOf(stage), look);
  });
  assert.ok(runs > 3 && removed > 0, `${removed} of ${runs} runs`);
  assert.equal(openDescriptors(), before);
});

test(
  'ownership never leaves the tree while directories and links change places (covers: SEC-06)',
  needsRoot,
  async (t) => {
    const stage = setStage(t);
    const look = lookOf(stage);
    const before = openDescriptors();
    const runs = await under('swap', stage, () => {
      for (let pair = 0; pair < swappedPairs; pair++) {
        attempt(() => lchownSync(join(stage.tree, `evil-${pair}`), 0, 0));
        attempt(() => lchownSync(join(stage.tree, `link-${pair}`), 0, 0));
      }
      const reply = run(stage, { kind: 'own', uid: 41_234, gid: 41_234 });
      assert.equal(reply.kind, 'owned', JSON.stringify(reply));
      assert.deepEqual(lookOf(stage), look);
    });
    assert.ok(runs > 3, `${runs} runs`);
    assert.equal(openDescriptors(), before);
  },
);

test('a host file never changes hands by hard links that come and go (covers: SEC-06)', needsRoot, async (t) => {
  const stage = setStage(t);
  for (let i = 0; i < 200; i++) writeFileSync(join(stage.tree, `file-${i}`), 'x');
  linkSync(stage.secret, join(stage.tree, 'a-constant-name'));
  const runs = await under('hard-link', stage, () => {
    for (let i = 0; i < 200; i += 7) chownSync(join(stage.tree, `file-${i}`), 0, 0);
    const reply = run(stage, { kind: 'own', uid: 41_234, gid: 41_234 });
    assert.equal(reply.kind, 'owned', JSON.stringify(reply));
    assert.equal(statSync(stage.secret).uid, 0);
  });
  assert.ok(runs > 3, `${runs} runs`);
  assert.equal(statSync(join(stage.tree, 'file-7')).uid, 41_234);
});
