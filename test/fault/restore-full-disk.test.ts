// The disk is full at any byte of a restore: staging fails and the server's files are whole, a commit that cannot go on can
// be undone without any space.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { discard } from '../../src/archive/restore/discard.ts';
import { rawEntry, tarGzip } from '../support/raw-tar.ts';
import { failureCode, noLimits, RestoreBench } from '../support/restore-bench.ts';
import { lookOfTree } from '../support/tree-look.ts';

const needsRoot = { skip: process.getuid?.() !== 0 && 'needs root' };
const page = 4096;

/** A file system that can be made smaller and larger. Nothing where none can be mounted. */
function smallDisk(t: TestContext): { path: string; resize: (bytes: number) => void } | undefined {
  const path = mkdtempSync(join(tmpdir(), 'aileron-full-'));
  try {
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    rmSync(path, { recursive: true });
    t.skip('no tmpfs can be mounted here');
    return undefined;
  }
  t.after(() => {
    execFileSync('/bin/umount', [path]);
    rmSync(path, { recursive: true });
  });
  const resize = (bytes: number) => execFileSync('/bin/mount', ['-o', `remount,size=${bytes}`, path]);
  return { path, resize };
}

function archiveOf(files: number): Buffer {
  const entries = Array.from({ length: files }, (_, i) => {
    const content = Buffer.alloc(1 + ((i * 3001) % 20_000), `content ${i} `);
    return rawEntry({ name: `directory-${i % 3}/file-${i}`, content });
  });
  return tarGzip(...entries);
}

function bench(t: TestContext, disk: string): { restore: RestoreBench; archive: string } {
  const restore = new RestoreBench(t, disk);
  mkdirSync(join(restore.root, 'directory-1'));
  writeFileSync(join(restore.root, 'directory-1/file-1'), 'old');
  writeFileSync(join(restore.root, 'other'), 'old');
  const away = mkdtempSync(join(tmpdir(), 'aileron-away-'));
  t.after(() => rmSync(away, { recursive: true, force: true }));
  const archive = join(away, 'archive.tar.gz');
  writeFileSync(archive, archiveOf(24));
  return { restore, archive };
}

test(
  'full at any page while it stages: no space is the reason, nothing was touched (backups 15.10, 15.11)',
  needsRoot,
  async (t) => {
    const disk = smallDisk(t);
    if (!disk) return;
    const { restore, archive } = bench(t, disk.path);
    const before = lookOfTree(restore.root);
    let failures = 0;
    for (let pages = 4; ; pages++) {
      disk.resize(pages * page);
      const outcome = await failureCodeOf(restore.stage(archive));
      assert.deepEqual(lookOfTree(restore.root), before, `${pages} pages`);
      if (outcome === 'no error') break;
      assert.equal(outcome, 'ENOSPC', `${pages} pages`);
      failures += 1;
      await discard({ kind: 'discard', staging: restore.staging }, restore.job);
      assert.equal(existsSync(restore.staging), false);
    }
    assert.ok(failures > 40, `${failures} sizes were too small`);
    disk.resize(16 * 1024 ** 2);
    await restore.moveOld();
    await restore.moveNew();
    assert.equal(existsSync(join(restore.root, 'directory-2/file-23')), true);
  },
);

test('a full disk does not keep a commit from being undone (backups 15.11)', needsRoot, async (t) => {
  const disk = smallDisk(t);
  if (!disk) return;
  for (const mode of ['truncate', 'merge'] as const) {
    const { restore, archive } = bench(t, disk.path);
    const before = lookOfTree(restore.root, { times: 'none' });
    await restore.stage(archive, { mode });
    const fill = join(disk.path, 'fill');
    const free = filled(fill);
    if (mode === 'merge') await failureCodeOf(restore.merge());
    else await failureCodeOf(restore.moveOld().then(() => restore.moveNew()));
    await restore.rollBack(mode);
    assert.deepEqual(lookOfTree(restore.root, { times: 'none' }), before, mode);
    free();
    await discard({ kind: 'discard', staging: restore.staging }, restore.job);
  }
});

test('the space that the node keeps free is asked for while it writes (covers: SEC-17)', needsRoot, async (t) => {
  const disk = smallDisk(t);
  if (!disk) return;
  const { restore, archive } = bench(t, disk.path);
  const limits = { ...noLimits, reserveBytes: 64 * 1024 ** 2 };
  assert.equal(await failureCode(restore.stage(archive, { limits })), 'NO_SPACE');
  assert.equal(
    await failureCode(restore.stage(archive, { limits: { ...noLimits, reserveBytes: 1024 ** 2 } })),
    'no error',
  );
});

/** The system's code too: what runs the plan makes a sentence of it. */
async function failureCodeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'no error';
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

function filled(path: string): () => void {
  const fd = openSync(path, 'w');
  try {
    for (;;) writeSync(fd, Buffer.alloc(page));
  } catch {
    closeSync(fd);
  }
  return () => unlinkSync(path);
}
