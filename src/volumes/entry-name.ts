// What may follow the slash in `/proc/self/fd/N/name`.

const slash = 0x2f;
const dot = 0x2e;

/** Bytes; what Linux file systems have in common. */
export const maxNameBytes = 255;

/** One component and nothing else: the kernel does not stop `/proc/self/fd/N/..`. */
export function isEntryName(name: Buffer): boolean {
  if (name.length === 0 || name.length > maxNameBytes) return false;
  if (name[0] === dot && (name.length === 1 || (name.length === 2 && name[1] === dot))) return false;
  return !name.includes(slash) && !name.includes(0);
}
