// What a Panel asks about the machine, answered at once: memory, load and CPU from /proc, disks from the last look at
// them. A disk that does not answer holds up nobody.
import { readFile, statfs } from 'node:fs/promises';
import { arch, networkInterfaces, release } from 'node:os';
import { join } from 'node:path';
import { type Clock, sleep } from '../clock/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import {
  type CpuTicks,
  cpuPercent,
  disksAmong,
  loadOf,
  type MountPoint,
  memoryOf,
  mountOf,
  mountPointsOf,
  systemName,
  ticksOf,
} from './counters.ts';

/** Bytes and percent. */
export interface Utilization {
  memoryTotal: number;
  memoryUsed: number;
  swapTotal: number;
  swapUsed: number;
  load: [number, number, number];
  /** Of all cores together, since it was last asked for. */
  cpuPercent: number;
  disks: Disk[];
}

export interface Disk {
  device: string;
  mountPoint: string;
  /** Bytes. */
  total: number;
  used: number;
  /** Which of our directories lie on it. */
  tags: string[];
}

export interface MachineOptions {
  clock: Clock;
  log: Logger;
  /** Our directories by what they are called, `Root`, `Logs`, … */
  directories: Readonly<Record<string, string>>;
  /** Stands in for `/` in tests. */
  root?: string;
  interfaces?: typeof networkInterfaces;
}

export interface Machine {
  utilization(): Promise<Utilization>;
  /** Of all interfaces but the loopback; those that reach no further than the link are left out. */
  addresses(): string[];
  /** `amd64`, `arm64`, `386`, `arm`: the names of Go. */
  readonly architecture: string;
  readonly kernel: string;
  /** As os-release says it. */
  systemName(): Promise<string | undefined>;
}

/** A look at the disks that takes longer is not waited for, ms. */
const patienceMs = 300;

const goNames: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

export function thisMachine({
  clock,
  log,
  directories,
  root = '/',
  interfaces = networkInterfaces,
}: MachineOptions): Machine {
  let ticks: CpuTicks | undefined;
  let disks: Disk[] = [];
  let looking: Promise<void> | undefined;
  const read = (path: string) => readFile(join(root, path), 'utf8').catch(() => '');

  const look = async () => {
    const points = mountPointsOf(await read('proc/self/mounts'));
    const found = await Promise.all(disksAmong(points).map((point) => diskAt(point, points)));
    disks = found.filter((disk) => disk !== undefined);
  };
  const diskAt = async (point: MountPoint, points: readonly MountPoint[]): Promise<Disk | undefined> => {
    try {
      const { bsize, blocks, bfree } = await statfs(join(root, point.path));
      const isOn = (path: string) => mountOf(path, points)?.device === point.device;
      return {
        device: point.device,
        mountPoint: point.path,
        total: bsize * blocks,
        used: bsize * (blocks - bfree),
        tags: Object.entries(directories).flatMap(([tag, path]) => (isOn(path) ? [tag] : [])),
      };
    } catch (error) {
      log.debug({ err: error, path: point.path }, 'a file system could not be asked how full it is');
      return undefined;
    }
  };

  return {
    architecture: goNames[arch()] ?? arch(),
    kernel: release(),

    async utilization() {
      // One look at a time: a disk that never answers must not collect calls.
      looking ??= look().finally(() => {
        looking = undefined;
      });
      const patience = new AbortController();
      await Promise.race([looking, sleep(clock, patienceMs, patience.signal).catch(() => {})]);
      patience.abort();
      const [meminfo, stat, loadavg] = await Promise.all(['proc/meminfo', 'proc/stat', 'proc/loadavg'].map(read));
      const memory = memoryOf(meminfo ?? '');
      const now = ticksOf(stat ?? '');
      const before = ticks ?? { busy: 0, total: 0 };
      ticks = now;
      return {
        memoryTotal: memory.total,
        memoryUsed: memory.used,
        swapTotal: memory.swapTotal,
        swapUsed: memory.swapUsed,
        load: loadOf(loadavg ?? ''),
        cpuPercent: cpuPercent(before, now),
        disks,
      };
    },

    addresses() {
      const all = Object.values(interfaces()).flatMap((addresses) => addresses ?? []);
      return all.filter(({ address, internal }) => !internal && !isLinkLocal(address)).map(({ address }) => address);
    },

    async systemName() {
      return systemName((await read('etc/os-release')) || (await read('usr/lib/os-release')));
    },
  };
}

function isLinkLocal(address: string): boolean {
  return /^(?:169\.254\.|fe[89ab][\da-f]:)/i.test(address);
}
