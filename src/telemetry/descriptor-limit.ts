// How many files and connections a process may hold open. Node.js raises its soft limit to the hard one when it starts, so
// what is left too low here was set too low by whoever starts the daemon. How many are open is a metric: process_open_fds.
import { readFileSync } from 'node:fs';
import type { Logger } from './log.ts';

/** 500 servers hold about 3,000, and each console and transfer one more. The systemd unit asks for 65,536. */
export const fewestDescriptors = 8_192;

/** Undefined: /proc does not tell, or there is no limit. `file` is `/proc/<pid>/limits`. */
export function descriptorLimit(file = '/proc/self/limits'): number | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined; // Not this kernel, or the process is gone.
  }
  const [, soft] = /^Max open files\s+(\d+)\s/m.exec(text) ?? [];
  return soft === undefined ? undefined : Number(soft);
}

export function warnOfFewDescriptors(log: Logger, limit = descriptorLimit()): void {
  if (limit === undefined || limit >= fewestDescriptors) return;
  log.warn(
    { limit, wanted: fewestDescriptors },
    'few files and connections may be open at a time: raise LimitNOFILE of the service, or ulimit -Hn',
  );
}
