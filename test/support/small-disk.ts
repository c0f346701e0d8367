// A file system in memory that can be made smaller and larger, for tests of what becomes of work when a disk is full.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Owner } from './owner.ts';

/** For `{ skip }`. */
export function needsSmallDisk(): string | false {
  return process.getuid?.() === 0 ? false : 'only root may mount a small file system';
}

export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Gone after the test. */
  static make(t: Owner, bytes: number): SmallDisk {
    const path = mkdtempSync(join(tmpdir(), 'aileron-small-disk-'));
    t.after(() => rmSync(path, { recursive: true, force: true }));
    execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=700`, 'tmpfs', path], { stdio: 'pipe' });
    t.after(() => execFileSync('/bin/umount', ['--lazy', path], { stdio: 'pipe' }));
    return new SmallDisk(path);
  }

  readOnly(): void {
    execFileSync('/bin/mount', ['-o', 'remount,ro', this.path], { stdio: 'pipe' });
  }

  /** What is on it stays. */
  leave(freeBytes: number): void {
    const { blocks, bfree, bsize } = statfsSync(this.path);
    const size = (blocks - bfree) * bsize + freeBytes;
    execFileSync('/bin/mount', ['-o', `remount,size=${size}`, this.path], { stdio: 'pipe' });
  }
}
