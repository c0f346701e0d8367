// The power fails while an archive is made and while a restore moves files: the disk is copied at every place between two
// acts, without what had not reached it, and each copy is taken up as the next daemon would. An archive under its name is
// whole, and the server's files are all old or all new.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createArchive } from '../../src/archive/create/create.ts';
import type { ArchiveProgress, CreatePlan } from '../../src/archive/plan.ts';
import { discard } from '../../src/archive/restore/discard.ts';
import { type Sidecar, sidecarPath } from '../../src/archive/sidecar.ts';
import { createPlan } from '../support/archive-plans.ts';
import { ourArchive } from '../support/our-archive.ts';
import { type Cut, needsPowerCutDisk, PowerCutDisk } from '../support/power-cut-disk.ts';
import { archiveJob, RestoreBench } from '../support/restore-bench.ts';
import { lookOfTree } from '../support/tree-look.ts';

const skip = needsPowerCutDisk();
type Mode = 'truncate' | 'merge';

/** What the store says about a restore when the power fails. The store is durable by itself, and on another disk. */
type Recorded = 'staging' | 'moving-old' | 'moving-new' | 'merging' | 'rolling-back' | 'done';

interface Moment {
  at: string;
  recorded: Recorded;
  disk: Cut;
}

/** Tells each time that so many more files were begun. */
function perFiles(step: number, act: () => void): ArchiveProgress {
  let files = 0;
  return {
    bytesDone: 0,
    bytesTotal: 0,
    get files() {
      return files;
    },
    set files(value) {
      if (Math.floor(value / step) > Math.floor(files / step)) act();
      files = value;
    },
  };
}

test('the power fails while an archive is made: under its name it is whole (backups 15.11)', { skip }, async (t) => {
  const disk = PowerCutDisk.make(t);
  const plan = createPlan(disk.path);
  for (let i = 0; i < 40; i++) writeFileSync(join(plan.root, `file-${i}`), randomBytes(60_000));
  execFileSync('/bin/sync', ['-f', disk.path]);
  const moments: Omit<Moment, 'recorded'>[] = [];
  const cut = (at: string) => void moments.push({ at, disk: disk.cut() });
  const progress = perFiles(10, () => cut('while it is written'));
  await createArchive(plan, archiveJob({ progress, checkpoint: cut }));
  cut('at its end');
  assert.ok(moments.length >= 8, `${moments.length} cuts`);

  for (const { at, disk: copy } of moments) {
    await disk.comeBack(copy);
    const there = existsSync(plan.archive);
    if (there) assertWhole(plan);
    if (at === 'at its end') assert.ok(there, 'an archive that was reported is there');
  }
});

function assertWhole({ archive }: CreatePlan): void {
  const sidecar = JSON.parse(readFileSync(sidecarPath(archive), 'utf8')) as Sidecar;
  const bytes = readFileSync(archive);
  assert.equal(createHash('sha1').update(bytes).digest('hex'), sidecar.checksum.value);
  assert.equal(bytes.length, sidecar.size);
  execFileSync('/bin/gzip', ['-t', archive]);
}

interface Stage {
  disk: PowerCutDisk;
  restore: RestoreBench;
  archive: string;
  old: string[];
  moments: Moment[];
  recorded(step: Recorded): void;
}

/** A server on the disk, and an archive of other files of the same and of other names. */
async function setStage(t: TestContext): Promise<Stage> {
  const away = new RestoreBench(t);
  fill(away.root, 'new', 4);
  const archive = away.path('archive.tar.gz');
  await ourArchive(away.root, archive);
  const disk = PowerCutDisk.make(t);
  const restore = new RestoreBench(t, disk.path);
  fill(restore.root, 'old', 3);
  execFileSync('/bin/sync', ['-f', disk.path]);
  const moments: Moment[] = [];
  let step: Recorded = 'staging';
  const cut = (at: string) => void moments.push({ at, recorded: step, disk: disk.cut() });
  restore.job = archiveJob({ checkpoint: cut, progress: perFiles(4, () => cut('while it is unpacked')) });
  return {
    ...{ disk, restore, archive, old: look(restore), moments },
    recorded(next) {
      step = next;
      cut(`when ${next} is recorded`);
    },
  };
}

function fill(root: string, content: 'old' | 'new', worlds: number): void {
  const put = (path: string, text: string | Buffer) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  for (let world = 0; world < worlds; world++) {
    put(`${content}-world-${world}/level.dat`, `${content} ${world}`);
    for (let region = 0; region < 2; region++)
      put(`world-${world}/region/r.${region}.mca`, Buffer.alloc(9_000, content));
  }
  put(`world-0/${content}.txt`, content);
  put('empty', '');
  put(content === 'old' ? 'changes' : 'changes/inner', content);
  symlinkSync(`${content}-world-0`, join(root, 'link'));
  mkdirSync(join(root, `${content}-empty-directory`));
  chmodSync(join(root, 'world-0/region/r.0.mca'), 0o755);
}

function look({ root }: RestoreBench): string[] {
  return lookOfTree(root, { times: 'none' });
}

/** In the order of the controller: a step is recorded, then done. */
async function commit({ restore, recorded }: Stage, mode: Mode): Promise<void> {
  if (mode === 'merge') {
    recorded('merging');
    await restore.merge();
  } else {
    recorded('moving-old');
    await restore.moveOld();
    recorded('moving-new');
    await restore.moveNew();
  }
}

/** What the next daemon does. */
async function takeUp(restore: RestoreBench, recorded: Recorded, mode: Mode): Promise<void> {
  if (recorded === 'moving-old') await restore.moveOld();
  if (recorded === 'moving-old' || recorded === 'moving-new') await restore.moveNew();
  if (recorded === 'merging') await restore.merge();
  if (recorded === 'rolling-back') await restore.rollBack(mode);
  await discard({ kind: 'discard', staging: restore.staging }, restore.job);
}

async function wantedOf(t: TestContext, archive: string, mode: Mode): Promise<string[]> {
  const restore = new RestoreBench(t);
  fill(restore.root, 'old', 3);
  await restore.restore(archive, { mode });
  return look(restore);
}

for (const mode of ['truncate', 'merge'] as const) {
  test(`the power fails during a restore, ${mode}: all old, or all new (backups 15.11)`, { skip }, async (t) => {
    const stage = await setStage(t);
    const { disk, restore, archive, old, moments } = stage;
    await restore.stage(archive, { mode });
    await commit(stage, mode);
    stage.recorded('done');
    assert.ok(moments.length > 20, `${moments.length} cuts`);
    assert.ok(moments.filter(({ at }) => at === 'while it is unpacked').length >= 3);

    const wanted = await wantedOf(t, archive, mode);
    restore.job = archiveJob();
    for (const { at, recorded, disk: copy } of moments) {
      await disk.comeBack(copy);
      await takeUp(restore, recorded, mode);
      assert.deepEqual(look(restore), recorded === 'staging' ? old : wanted, `${recorded}: ${at}`);
      assert.equal(existsSync(restore.staging), false);
    }
  });

  test(`the power fails while a commit is undone, ${mode}: all old (backups 15.11)`, { skip }, async (t) => {
    const stage = await setStage(t);
    const { disk, restore, archive, old, moments } = stage;
    await restore.stage(archive, { mode });
    await commit(stage, mode);
    moments.splice(0);
    stage.recorded('rolling-back');
    await restore.rollBack(mode);
    stage.recorded('done');
    assert.ok(moments.length > 15, `${moments.length} cuts`);

    restore.job = archiveJob();
    for (const { at, recorded, disk: copy } of moments) {
      await disk.comeBack(copy);
      await takeUp(restore, recorded, mode);
      assert.deepEqual(look(restore), old, `${recorded}: ${at}`);
    }
  });
}

test('the power fails when a restore in place has ended: all new (backups 15.11)', { skip }, async (t) => {
  const { disk, restore, archive } = await setStage(t);
  restore.job = archiveJob();
  await restore.inPlace(archive);
  const wanted = look(restore);
  await disk.comeBack(disk.cut());
  assert.deepEqual(look(restore), wanted);
  assert.ok(readdirSync(restore.root).length > 4);
});
