// The commit of a restore and its roll-back, ended at each point where a crash can end them, and done again: the server's
// files are all new or all old.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { discard } from '../../../src/archive/restore/discard.ts';
import { descriptorsBelow } from '../../support/open-descriptors.ts';
import { rawEntry, tarGzip } from '../../support/raw-tar.ts';
import { archiveJob, failureCode, RestoreBench } from '../../support/restore-bench.ts';
import { lookOfTree } from '../../support/tree-look.ts';

type Mode = 'truncate' | 'merge';

class Crash extends Error {}

/** Whatever is in the way of something new: file, directory and link in each other's place. */
const archive = tarGzip(
  rawEntry({ name: 'both/changed', content: 'new' }),
  rawEntry({ name: 'both/deep/added', content: 'new' }),
  rawEntry({ name: 'new-directory/a/b', content: 'new' }),
  rawEntry({ name: 'directory-was-file/inner', content: 'new' }),
  rawEntry({ name: 'file-was-directory', content: 'new' }),
  rawEntry({ name: 'file-was-link', content: 'new' }),
  rawEntry({ name: 'directory-was-link/inner', content: 'new' }),
  rawEntry({ name: 'link-was-file', type: '2', linkName: '../../anywhere' }),
);

function bench(t: TestContext): { restore: RestoreBench; file: string } {
  const restore = new RestoreBench(t);
  const file = restore.path('archive.tar.gz');
  writeFileSync(file, archive);
  const put = (path: string, content: string) => {
    mkdirSync(dirname(join(restore.root, path)), { recursive: true });
    writeFileSync(join(restore.root, path), content);
  };
  put('both/changed', 'old');
  put('both/deep/kept', 'old');
  put('only-old/kept', 'old');
  put('directory-was-file', 'old');
  put('file-was-directory/inner', 'old');
  put('link-was-file', 'old');
  symlinkSync('../../outside', join(restore.root, 'file-was-link'));
  symlinkSync('../../outside', join(restore.root, 'directory-was-link'));
  return { restore, file };
}

function commit(restore: RestoreBench, mode: Mode): Promise<undefined> {
  return mode === 'merge' ? restore.merge() : restore.moveOld().then(() => restore.moveNew());
}

/** Ends the work at the `point`-th place where a crash may. Answers whether there was one. */
async function crashing(restore: RestoreBench, point: number, work: () => Promise<unknown>): Promise<boolean> {
  let seen = 0;
  restore.job = archiveJob({
    checkpoint() {
      seen += 1;
      if (seen === point) throw new Crash();
    },
  });
  try {
    await work();
    return false;
  } catch (error) {
    if (error instanceof Crash) return true;
    throw error;
  } finally {
    restore.job = archiveJob();
  }
}

function look(restore: RestoreBench): string[] {
  return lookOfTree(restore.root, { times: 'none' });
}

/** What each mode makes of the server's files when nothing ends it. */
async function expected(t: TestContext, mode: Mode): Promise<string[]> {
  const { restore, file } = bench(t);
  await restore.restore(file, { mode });
  return look(restore);
}

test('a truncating commit leaves what is in the archive and nothing else', async (t) => {
  const { restore, file } = bench(t);
  const { ino } = statSync(restore.root);
  await restore.restore(file);
  assert.deepEqual(readdirSync(restore.root).sort(), [
    'both',
    'directory-was-file',
    'directory-was-link',
    'file-was-directory',
    'file-was-link',
    'link-was-file',
    'new-directory',
  ]);
  assert.deepEqual(readdirSync(join(restore.root, 'both/deep')), ['added']);
  assert.equal(statSync(restore.root).ino, ino);
  assert.deepEqual(readdirSync(restore.outside), []);
  assert.equal(readFileSync(join(restore.staging, 'old/only-old/kept'), 'utf8'), 'old');
});

test('a merging commit replaces what is in the way, of any kind, and keeps the rest (backups 15.12)', async (t) => {
  const { restore, file } = bench(t);
  await restore.restore(file, { mode: 'merge' });
  const read = (path: string) => readFileSync(join(restore.root, path), 'utf8');
  for (const path of ['both/deep/kept', 'only-old/kept']) assert.equal(read(path), 'old');
  for (const path of ['both/changed', 'both/deep/added', 'new-directory/a/b', 'directory-was-file/inner']) {
    assert.equal(read(path), 'new');
  }
  for (const path of ['file-was-directory', 'file-was-link', 'directory-was-link/inner'])
    assert.equal(read(path), 'new');
  assert.deepEqual(readdirSync(restore.outside), []);
});

for (const mode of ['truncate', 'merge'] as const) {
  test(`${mode}: ended at any point and repeated, all is new (backups 15.11, covers: SEC-103)`, async (t) => {
    const wanted = await expected(t, mode);
    let points = 0;
    for (let point = 1; ; point++) {
      const { restore, file } = bench(t);
      await restore.stage(file, { mode });
      if (!(await crashing(restore, point, () => commit(restore, mode)))) break;
      points += 1;
      if (mode === 'truncate' && !existsSync(join(restore.staging, 'moves'))) await restore.moveOld();
      if (mode === 'truncate') await restore.moveNew();
      else await restore.merge();
      assert.deepEqual(look(restore), wanted, `point ${point}`);
    }
    assert.ok(points > 5, `${points} points`);
  });

  test(`${mode}: ended at any point and rolled back, ended there too, all is old (backups 15.11)`, async (t) => {
    const old = look(bench(t).restore);
    let points = 0;
    for (let point = 1; ; point++) {
      let ended = true;
      for (let pointBack = 1; ended; pointBack++) {
        const { restore, file } = bench(t);
        await restore.stage(file, { mode });
        if (!(await crashing(restore, point, () => commit(restore, mode)))) {
          assert.ok(points > 20, `${points} points`);
          return;
        }
        points += 1;
        ended = await crashing(restore, pointBack, () => restore.rollBack(mode));
        await restore.rollBack(mode);
        assert.deepEqual(look(restore), old, `points ${point} and ${pointBack}`);
      }
    }
  });

  test(`${mode}: a whole commit can be rolled back, and so can none`, async (t) => {
    const { restore, file } = bench(t);
    const old = look(restore);
    await restore.rollBack(mode);
    assert.deepEqual(look(restore), old);
    const other = bench(t);
    await other.restore.restore(other.file, { mode });
    await other.restore.rollBack(mode);
    assert.deepEqual(look(other.restore), old);
    assert.ok(file);
  });
}

test('what appears in the directory between the halves of a commit is kept or moved to the old, never replaced', async (t) => {
  const { restore, file } = bench(t);
  await restore.stage(file);
  await restore.moveOld();
  writeFileSync(join(restore.root, 'stranger'), 'mine');
  mkdirSync(join(restore.root, 'new-directory'));
  writeFileSync(join(restore.root, 'new-directory/mine'), 'mine');
  await restore.moveNew();
  assert.equal(readFileSync(join(restore.root, 'stranger'), 'utf8'), 'mine');
  assert.equal(readFileSync(join(restore.root, 'new-directory/a/b'), 'utf8'), 'new');
  assert.equal(readFileSync(join(restore.staging, 'old/new-directory/mine'), 'utf8'), 'mine');
});

test('what appears under a name that was moved to the old before ends the commit, and survives the roll-back', async (t) => {
  const { restore, file } = bench(t);
  const before = look(restore);
  await restore.stage(file);
  await restore.moveOld();
  writeFileSync(join(restore.root, 'both'), 'mine');
  assert.equal(await failureCode(restore.moveNew()), 'FAILED');
  assert.equal(readFileSync(join(restore.root, 'both'), 'utf8'), 'mine');
  await restore.rollBack('truncate');
  assert.equal(readFileSync(join(restore.root, 'both.kept-1'), 'utf8'), 'mine');
  assert.deepEqual(
    look(restore).filter((line) => !line.startsWith('both.kept-1')),
    before,
  );
});

test('unpacking in place is done again after a crash, and then all is new (backups 15.11)', async (t) => {
  for (const mode of ['truncate', 'merge'] as const) {
    const wanted = await expected(t, mode);
    for (let point = 1; point <= 2; point++) {
      const { restore, file } = bench(t);
      const { ino } = statSync(restore.root);
      assert.ok(await crashing(restore, point, () => restore.inPlace(file, { mode })));
      await restore.inPlace(file, { mode });
      assert.deepEqual(look(restore), wanted);
      assert.equal(statSync(restore.root).ino, ino);
      assert.deepEqual(readdirSync(restore.outside), []);
    }
  }
});

test('staging is begun anew when it is repeated, for nobody but the daemon to see', async (t) => {
  const { restore, file } = bench(t);
  await restore.stage(file);
  writeFileSync(join(restore.staging, 'new/left-over'), '');
  await restore.stage(file);
  assert.equal(existsSync(join(restore.staging, 'new/left-over')), false);
  for (const path of [restore.staging, dirname(restore.staging), dirname(dirname(restore.staging))]) {
    assert.equal(statSync(path).mode & 0o777, 0o700, path);
  }
});

test('discarding takes the staging directory and that of the server, twice', async (t) => {
  const { restore, file } = bench(t);
  await restore.restore(file);
  const plan = { kind: 'discard', staging: restore.staging } as const;
  await discard(plan, restore.job);
  assert.equal(existsSync(dirname(restore.staging)), false);
  await discard(plan, restore.job);
  assert.deepEqual(readdirSync(restore.path('data')).sort().length, 2);
});

test('discarding leaves another operation of the server alone', async (t) => {
  const { restore, file } = bench(t);
  await restore.stage(file);
  const other = join(dirname(restore.staging), 'operation-2');
  mkdirSync(other);
  await discard({ kind: 'discard', staging: restore.staging }, restore.job);
  assert.ok(existsSync(other));
  assert.equal(existsSync(restore.staging), false);
});

test('a missing directory of the server is told, and nothing is made in its place', async (t) => {
  const { restore, file } = bench(t);
  const root = restore.path('data/none');
  assert.equal(await failureCode(restore.stage(file, { root })), 'NOT_FOUND');
  assert.equal(existsSync(root), false);
});

test('no descriptor stays open after work that ended well, badly or by a cancel', async (t) => {
  const { restore, file } = bench(t);
  await restore.restore(file);
  await restore.rollBack('truncate');
  await crashing(restore, 3, () => restore.merge());
  const cancel = AbortSignal.abort(new Error('cancelled'));
  restore.job = archiveJob({ signal: cancel });
  await assert.rejects(restore.stage(file), /cancelled/);
  await assert.rejects(restore.inPlace(file), /cancelled/);
  assert.deepEqual(descriptorsBelow(restore.base), []);
});
