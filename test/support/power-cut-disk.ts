// A disk whose power can fail: ext4 in a file, mounted through a loop device. A copy of the file holds what has reached the
// disk so far and nothing of what the kernel still keeps in memory; mounted in its place, it is the disk after the cut.
// The kernel writes nothing there by itself for ten minutes, so what was not synchronized is not in a copy.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Owner } from './owner.ts';
import { until } from './until.ts';

const mebibyte = 1024 ** 2;
/** Files are put where they belong as late as may be, and a rename is no reason to write what is renamed. */
const options = 'noatime,commit=600,noauto_da_alloc';
const patienceMs = 10_000;
const pauseMs = 5;

/** In memory where there is such a place: what is copied is small, but often. */
const fastFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** For `{ skip }`: false when such a disk can be made here, else what is missing. */
export function needsPowerCutDisk(): string | false {
  if (process.getuid?.() !== 0) return 'only root may mount a disk';
  try {
    execFileSync('/sbin/mkfs.ext4', ['-V'], { stdio: 'ignore' });
    execFileSync('/sbin/losetup', ['--find'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'needs mkfs.ext4 and a loop device';
  }
}

/** The disk at one moment: a file. */
export type Cut = string;

export class PowerCutDisk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #folder: string;
  #image: string;
  #device: string | undefined;
  #cuts = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = join(folder, 'disk');
    this.#image = join(folder, 'image');
  }

  /** Empty. Gone after the test, whatever happened. */
  static make(t: Owner, mebibytes = 256): PowerCutDisk {
    const disk = new PowerCutDisk(mkdtempSync(join(fastFolder, 'aileron-power-')));
    t.after(() => disk.#remove());
    mkdirSync(disk.path);
    writeFileSync(disk.#image, '');
    truncateSync(disk.#image, mebibytes * mebibyte);
    execFileSync('/sbin/mkfs.ext4', ['-q', '-F', disk.#image], { stdio: 'pipe' });
    disk.#mount();
    return disk;
  }

  /** What is on the disk now. Synchronous, so that whoever calls it stands still meanwhile. */
  cut(): Cut {
    const copy = join(this.#folder, `cut-${++this.#cuts}`);
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const before = this.#written();
      if (before !== undefined) execFileSync('/bin/cp', ['--sparse=always', this.#image, copy]);
      // A copy made while something was being written may hold what no disk ever held.
      if (before !== undefined && before === this.#written()) return copy;
      if (performance.now() > deadline) throw new Error('the disk is never still');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMs);
    }
  }

  /** The power is back: what was on the disk then is all there is. Nobody may have a file open. */
  async comeBack(cut: Cut): Promise<void> {
    await until('nobody uses the disk', patienceMs, async () => this.#unmount());
    rmSync(this.#image);
    this.#image = cut;
    this.#mount();
  }

  #mount(): void {
    const device = execFileSync('/sbin/losetup', ['--find', '--show', this.#image], { encoding: 'utf8' }).trim();
    this.#device = device;
    execFileSync('/bin/mount', ['-o', options, device, this.path], { stdio: 'pipe' });
  }

  #unmount(how: string[] = []): boolean {
    try {
      execFileSync('/bin/umount', [...how, this.path], { stdio: 'pipe' });
    } catch {
      return false;
    }
    this.#detach();
    return true;
  }

  /** `undefined`: something is on its way. */
  #written(): string | undefined {
    const stat = readFileSync(`/sys/class/block/${basename(this.#device ?? '')}/stat`, 'utf8')
      .trim()
      .split(/\s+/);
    const [, , , , writes, , sectors, , onTheWay] = stat;
    return onTheWay === '0' ? `${writes} ${sectors}` : undefined;
  }

  #detach(): void {
    const device = this.#device;
    this.#device = undefined;
    if (device) execFileSync('/sbin/losetup', ['--detach', device], { stdio: 'pipe' });
  }

  #remove(): void {
    using _folder = { [Symbol.dispose]: () => rmSync(this.#folder, { recursive: true, force: true }) };
    // Lazily at the worst: it is gone as soon as nobody uses it any more.
    if (this.#device && !this.#unmount() && !this.#unmount(['--lazy'])) this.#detach();
  }
}
