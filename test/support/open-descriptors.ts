// Which files and directories this process holds open.
import { readdirSync, readlinkSync } from 'node:fs';

/** What is open below a directory, the directory itself included; what was deleted too. */
export function descriptorsBelow(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    const target = targetOf(fd);
    return target === directory || target?.startsWith(`${directory}/`) ? [target] : [];
  });
}

/** How many are open at all. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** The listing itself is one that is closed by now. */
function targetOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}
