// Which names of an archive may become names in a server's directory, and how a name is shown to people.
import { isUtf8 } from 'node:buffer';
import { maxNameBytes } from '../../volumes/entry-name.ts';
import { ArchiveError } from '../runner.ts';
import { maxArchiveDepth } from '../tar-format.ts';

/** Components from the top; none is empty, `.` or `..`. No component at all is the directory itself. */
export type EntryPath = readonly Buffer[];

const longestShown = 200;
const slash = 0x2f;
const dot = 0x2e;

/**
 * `anyBackslash`: the archive was made from a Linux directory by this daemon, where `C:\x` is a name like any other.
 * @throws ArchiveError UNSAFE_NAME, TOO_DEEP; the message names the entry
 */
export function entryPath(name: Buffer, anyBackslash: boolean): EntryPath {
  if (name.length === 0) throw unsafe(name, 'is empty');
  if (name[0] === slash) throw unsafe(name, 'is absolute');
  if (name.includes(0)) throw unsafe(name, 'has a zero byte');
  if (!anyBackslash && startsWithDrive(name)) throw unsafe(name, 'starts with a drive');
  const components: Buffer[] = [];
  for (let start = 0; start <= name.length; ) {
    const found = name.indexOf(slash, start);
    const end = found < 0 ? name.length : found;
    const component = name.subarray(start, end);
    start = end + 1;
    if (component.length === 0 || (component.length === 1 && component[0] === dot)) continue;
    if (component.length === 2 && component[0] === dot && component[1] === dot) throw unsafe(name, 'leads upwards');
    if (component.length > maxNameBytes) throw unsafe(name, 'is too long');
    components.push(component);
    if (components.length > maxArchiveDepth + 1) {
      throw new ArchiveError('TOO_DEEP', `${shown(name)} is more than ${maxArchiveDepth} directories deep`);
    }
  }
  return components;
}

/** For people: one line, not endless, whatever the bytes. */
export function shown(name: Buffer): string {
  const text = isUtf8(name) ? name.toString() : name.toString('latin1');
  const cut = text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
  return JSON.stringify(cut.replace(/[\u0080-\u009f\u2028-\u202e\u2066-\u2069]/g, '\ufffd'));
}

function startsWithDrive(name: Buffer): boolean {
  const letter = (name[0] ?? 0) | 0x20;
  return letter >= 0x61 && letter <= 0x7a && name[1] === 0x3a && name[2] === 0x5c;
}

function unsafe(name: Buffer, what: string): ArchiveError {
  return new ArchiveError('UNSAFE_NAME', `the archive has an entry whose name ${what}: ${shown(name)}`);
}
