// What the kernel counts about this machine: files of /proc made into numbers. Pure; what is missing counts as nothing.

export interface Memory {
  /** Bytes, like all here. */
  total: number;
  used: number;
  swapTotal: number;
  swapUsed: number;
}

/** Of `/proc/meminfo`. What programs could still have is not used, caches included. */
export function memoryOf(meminfo: string): Memory {
  const bytes = (name: string) => Number(new RegExp(`^${name}: *(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0) * 1024;
  const [total, swapTotal] = [bytes('MemTotal'), bytes('SwapTotal')];
  return {
    total,
    used: Math.max(0, total - bytes('MemAvailable')),
    swapTotal,
    swapUsed: Math.max(0, swapTotal - bytes('SwapFree')),
  };
}

/** Ticks of all cores since the start of the machine. */
export interface CpuTicks {
  busy: number;
  total: number;
}

/** Of `/proc/stat`. */
export function ticksOf(stat: string): CpuTicks {
  // user nice system idle iowait irq softirq steal; guests are part of user and nice.
  const ticks = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').slice(0, 8).map(Number);
  const total = ticks.reduce((sum, one) => sum + one, 0);
  return { busy: total - (ticks[3] ?? 0) - (ticks[4] ?? 0), total };
}

/** Percent of all cores together. */
export function cpuPercent(before: CpuTicks, after: CpuTicks): number {
  const passed = after.total - before.total;
  return passed > 0 ? Math.min(100, Math.max(0, (100 * (after.busy - before.busy)) / passed)) : 0;
}

/** Of `/proc/loadavg`: over 1, 5 and 15 minutes. */
export function loadOf(loadavg: string): [number, number, number] {
  const [one = 0, five = 0, fifteen = 0] = loadavg.split(' ', 3).map(Number);
  return [one, five, fifteen];
}

export interface MountPoint {
  device: string;
  path: string;
  type: string;
}

/** Of `/proc/self/mounts`, in its order. */
export function mountPointsOf(mounts: string): MountPoint[] {
  return mounts.split('\n').flatMap((line) => {
    const [device, path, type] = line.split(' ').map(unescaped);
    return device && path && type ? [{ device, path, type }] : [];
  });
}

/** Blanks and backslashes stand there in octal. */
function unescaped(field: string): string {
  return field.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** File systems on a disk of this machine, each device once at its shortest path; the root of a container is one too. */
export function disksAmong(points: readonly MountPoint[]): MountPoint[] {
  const byDevice = new Map<string, MountPoint>();
  for (const point of points) {
    const onDisk = point.device.startsWith('/dev/') && !['squashfs', 'devtmpfs', 'tmpfs'].includes(point.type);
    const isContainersRoot = point.type === 'overlay' && point.path === '/';
    if (!onDisk && !isContainersRoot) continue;
    const known = byDevice.get(point.device);
    if (!known || point.path.length < known.path.length) byDevice.set(point.device, point);
  }
  return [...byDevice.values()];
}

/** The mount point that a path lies on. */
export function mountOf(path: string, points: readonly MountPoint[]): MountPoint | undefined {
  const above = points.filter((point) => path === point.path || path.startsWith(point.path.replace(/\/*$/, '/')));
  // The last one of a path hides those before it.
  return above.reduce<MountPoint | undefined>(
    (best, point) => (!best || point.path.length >= best.path.length ? point : best),
    undefined,
  );
}

/** Of `/etc/os-release`: how the system calls itself; undefined when it does not. */
export function systemName(osRelease: string): string | undefined {
  const value = (key: string) => {
    const [, quoted, plain] = new RegExp(`^${key}=(?:"(.*)"|'?([^'\\n]*)'?)$`, 'm').exec(osRelease) ?? [];
    return (quoted ?? plain ?? '').replaceAll(/\\(.)/g, '$1') || undefined;
  };
  return value('PRETTY_NAME') ?? value('NAME');
}
