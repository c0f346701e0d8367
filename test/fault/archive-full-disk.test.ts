// The file system of the backups fills up: at any byte of an archive, of its manifest and of its sidecar. What is made is
// whole or is not there.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createArchive } from '../../src/archive/create/create.ts';
import type { CreatePlan } from '../../src/archive/plan.ts';
import { createPlan } from '../support/archive-plans.ts';
import { archiveJob } from '../support/restore-bench.ts';

const mebibyte = 1024 * 1024;
const pageBytes = 4096;
/** Below this an archive is not even begun. */
const leastFreeBytes = 64 * mebibyte;

const skip = process.getuid?.() === 0 ? false : 'only root may mount a small file system';

/** Backups on a file system of their own, of so many bytes. */
function onSmallDisk(t: TestContext, bytes: number): CreatePlan {
  const directory = mkdtempSync(join(tmpdir(), 'aileron-full-'));
  const plan = createPlan(directory);
  const backups = dirname(plan.archive);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'tmpfs', backups], { stdio: 'pipe' });
  t.after(() => {
    execFileSync('umount', [backups], { stdio: 'pipe' });
    rmSync(directory, { recursive: true });
  });
  return plan;
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

test('a disk that fills at any byte makes an archive that is whole or is not there (backups 15.7)', {
  skip,
}, async (t) => {
  const plan = onSmallDisk(t, 96 * mebibyte);
  const backups = dirname(plan.archive);
  writeFileSync(join(plan.root, 'noise'), randomBytes(70 * mebibyte));
  for (let i = 0; i < 2000; i++) mkdirSync(join(plan.root, `directory-${i}`));
  const { size } = await createArchive(plan, archiveJob());
  const empty = () => {
    for (const name of readdirSync(backups)) rmSync(join(backups, name));
  };
  let [failed, made] = [0, 0];
  for (const missing of [
    ...[size - leastFreeBytes, 2 * mebibyte, 60_000, 3 * pageBytes, 2 * pageBytes, pageBytes, 1],
    ...[0, -pageBytes, -2 * pageBytes],
  ]) {
    empty();
    const filler = Math.floor((freeBytes(backups) - (size - missing)) / pageBytes) * pageBytes;
    writeFileSync(join(backups, 'filler'), Buffer.alloc(filler));
    const archive = createArchive(plan, archiveJob());
    try {
      const facts = await archive;
      assert.equal(facts.verified, true);
      execFileSync('gzip', ['-t', plan.archive]);
      made += 1;
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'NO_SPACE', String(error));
      assert.deepEqual(readdirSync(backups), ['filler'], `${missing} bytes missing`);
      failed += 1;
    }
  }
  assert.ok(failed >= 6 && made >= 1, `${failed} failed, ${made} made`);
});

test('with less than 64 MiB free an archive is not begun (backups 15.7)', { skip }, async (t) => {
  const plan = onSmallDisk(t, leastFreeBytes - pageBytes);
  writeFileSync(join(plan.root, 'small'), 'small');
  await assert.rejects(createArchive(plan, archiveJob()), { code: 'NO_SPACE', message: /64 MiB/ });
  assert.deepEqual(readdirSync(dirname(plan.archive)), []);
});

test('an archive on a nearly full disk comes with a warning', { skip }, async (t) => {
  const plan = onSmallDisk(t, leastFreeBytes + 8 * mebibyte);
  execFileSync('truncate', ['-s', '800M', join(plan.root, 'sparse')]);
  const { warnings } = await createArchive(plan, archiveJob());
  assert.match(warnings.join(), /nearly full/);
  assert.ok(readdirSync(dirname(plan.archive)).includes(basename(plan.archive)));
});
