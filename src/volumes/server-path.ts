// A path as somebody wrote it, taken apart before anything is looked up. `..` takes back what stands before it, as in a
// browser and in Wings; whether the rest stays beneath the root is not settled here but by the descent.
import { maxNameBytes } from './entry-name.ts';
import { VolumeError } from './errors.ts';

/** Bytes, as the kernel's own limit. */
const maxPathBytes = 4096;

/** Directories below the root; a descent holds a descriptor of each. */
export const maxPathDepth = 128;

const slash = 0x2f;

/** From the root down, none of them empty, `.` or `..`; none at all for the root. @throws VolumeError BAD_PATH, NOT_FOUND */
export function parsePath(path: string | Buffer): Buffer[] {
  const bytes = typeof path === 'string' ? Buffer.from(path) : path;
  if (bytes.length > maxPathBytes) throw new VolumeError('BAD_PATH', 'the path is too long');
  if (bytes.includes(0)) throw new VolumeError('BAD_PATH', 'the path holds a NUL byte');
  const names: Buffer[] = [];
  for (const name of splitPath(bytes)) {
    if (name.length > maxNameBytes) throw new VolumeError('BAD_PATH', 'a name in the path is too long');
    if (!isParent(name)) names.push(name);
    else if (!names.pop()) throw new VolumeError('NOT_FOUND', 'the path leads out of the directory of the server');
  }
  if (names.length > maxPathDepth) throw new VolumeError('BAD_PATH', 'the path is too deep');
  return names;
}

/** Without what says nothing: empty names and `.`. */
export function splitPath(path: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let start = 0; start <= path.length; ) {
    const found = path.indexOf(slash, start);
    const end = found < 0 ? path.length : found;
    const name = path.subarray(start, end);
    if (name.length > 0 && !name.equals(here)) names.push(name);
    start = end + 1;
  }
  return names;
}

export function isParent(name: Buffer): boolean {
  return name.equals(parent);
}

export function isAbsolute(path: Buffer): boolean {
  return path[0] === slash;
}

const here = Buffer.from('.');
const parent = Buffer.from('..');
