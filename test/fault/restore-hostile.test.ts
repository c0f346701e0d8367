// A process in the container exchanges directories and links to the host while a restore works: nothing outside of the
// server's directory is read, changed or made.
import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { discard } from '../../src/archive/restore/discard.ts';
import { startAttacker, stopAttacker, swappedPairs } from '../support/attacker.ts';
import { descriptorsBelow } from '../support/open-descriptors.ts';
import { rawEntry, tarGzip } from '../support/raw-tar.ts';
import { noLimits, RestoreBench } from '../support/restore-bench.ts';

const roundsWanted = 400;
const timeLimitMs = 2500;

function setStage(t: TestContext): { restore: RestoreBench; archive: string } {
  const restore = new RestoreBench(t);
  mkdirSync(join(restore.outside, 'sub'));
  writeFileSync(join(restore.outside, 'inner'), 'canary');
  writeFileSync(join(restore.outside, 'sub/deep'), 'canary');
  const archive = restore.path('archive.tar.gz');
  const entries = Array.from({ length: swappedPairs }, (_, pair) => [
    rawEntry({ name: `evil-${pair}/inner`, content: 'new' }),
    rawEntry({ name: `evil-${pair}/sub/deep`, content: 'new' }),
    rawEntry({ name: `evil-${pair}/added`, content: 'new' }),
    rawEntry({ name: `evil-${pair}/sub`, type: '5', mode: '0000700\0' }),
    rawEntry({ name: `evil-${pair}/link`, type: '2', linkName: '../../../outside/inner' }),
  ]);
  writeFileSync(archive, tarGzip(...entries.flat()));
  buildPairs(restore);
  return { restore, archive };
}

/** What the attacker plays with; also while it plays. */
function buildPairs(restore: RestoreBench): void {
  for (let pair = 0; pair < swappedPairs; pair++) {
    attempt(() => mkdirSync(join(restore.root, `evil-${pair}/sub`), { recursive: true }));
    attempt(() => writeFileSync(join(restore.root, `evil-${pair}`, 'inner'), 'x', { flag: 'wx' }));
    attempt(() => symlinkSync(restore.outside, join(restore.root, `link-${pair}`)));
  }
}

function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

/** All that work that went astray would change. */
function lookOutside(restore: RestoreBench): unknown {
  return ['.', 'inner', 'sub', 'sub/deep'].map((name) => {
    const path = join(restore.outside, name);
    const { uid, gid, mode, size, mtimeMs, ctimeMs, nlink } = lstatSync(path);
    return { name, uid, gid, mode, size, mtimeMs, ctimeMs, nlink, names: name === '.' ? readdirSync(path) : [] };
  });
}

const works: [string, (restore: RestoreBench, archive: string) => Promise<unknown>][] = [
  [
    'staging, which counts what stays',
    (restore, archive) => restore.stage(archive, { mode: 'merge', limits: { ...noLimits, contentBytes: 2 ** 40 } }),
  ],
  ['a merging commit', (restore, archive) => restore.restore(archive, { mode: 'merge' })],
  ['a truncating commit', (restore, archive) => restore.restore(archive)],
  [
    'a roll-back',
    (restore, archive) => restore.restore(archive, { mode: 'merge' }).then(() => restore.rollBack('merge')),
  ],
  ['unpacking in place', (restore, archive) => restore.inPlace(archive)],
  ['merging in place', (restore, archive) => restore.inPlace(archive, { mode: 'merge' })],
];

for (const [name, work] of works) {
  test(`${name} never leaves the directory while directories and links change places (covers: SEC-01)`, async (t) => {
    const { restore, archive } = setStage(t);
    const look = lookOutside(restore);
    const attacker = await startAttacker('swap', restore.root);
    let rounds = 0;
    let done = 0;
    try {
      const end = performance.now() + timeLimitMs;
      for (; rounds < roundsWanted && performance.now() < end; rounds++) {
        buildPairs(restore);
        try {
          await work(restore, archive);
          done += 1;
        } catch (error) {
          // Giving up is fine; a reason is asked for.
          assert.ok(error instanceof Error && 'code' in error, String(error));
        }
        assert.deepEqual(lookOutside(restore), look);
        await discard({ kind: 'discard', staging: restore.staging }, restore.job);
      }
    } finally {
      await stopAttacker(attacker);
    }
    assert.ok(rounds > 3, `${done} of ${rounds} rounds`);
    t.diagnostic(`${done} of ${rounds} rounds were done`);
    assert.deepEqual(lookOutside(restore), look);
    assert.deepEqual(descriptorsBelow(restore.base), []);
  });
}
