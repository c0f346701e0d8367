// CPU lists as the kernel writes them: `0-1,3`. Ranges are never expanded beyond the CPUs of the host.

/** The CPUs of `available` that `list` names. `complete`: it names no others. `undefined`: not a CPU list. */
export function cpusWithin(
  list: string,
  available: ReadonlySet<number>,
): { cpus: number[]; complete: boolean } | undefined {
  const wanted = new Set<number>();
  let complete = true;
  for (const part of list.split(',')) {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part.trim());
    if (!match) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (last < first) return undefined;
    let present = 0;
    for (const cpu of available) {
      if (cpu < first || cpu > last) continue;
      wanted.add(cpu);
      present += 1;
    }
    if (present <= last - first) complete = false;
  }
  return { cpus: [...wanted].sort((a, b) => a - b), complete };
}

/** `[0, 1, 3]` becomes `0-1,3`. Takes ascending numbers. */
export function cpuListOf(cpus: readonly number[]): string {
  const ranges: [first: number, last: number][] = [];
  for (const cpu of cpus) {
    const current = ranges.at(-1);
    if (current && cpu === current[1] + 1) current[1] = cpu;
    else ranges.push([cpu, cpu]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(',');
}
