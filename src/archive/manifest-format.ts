// What a Wings archive loses travels at the end of ours: a JSON text, one record a line, deflated (RFC 1950) and cut into
// PAX global headers that other tools skip. Both sides stream it, so it may be longer than memory.
// docs/backup-format.md describes it for people.
import { isUtf8 } from 'node:buffer';

export const manifestVersion = 1;

/** The keyword of the PAX records; the value is `<i>/<n>:` with i from 1, then base64 of a slice. */
export const manifestKeyword = 'WINGSTS.manifest';

/** Of the deflated text, in one global header. A multiple of 3, so base64 of it is 896,000 characters without padding. */
export const manifestSliceBytes = 672_000;

/** Names are bytes: text where they are UTF-8, else base64 of them under the other key. Relative, no `/` at either end. */
export type ManifestPath = { path: string } | { path64: string };

/** Line 1, without its last two characters: the line ends with `"records":[` and the text goes on. */
export interface ManifestHead {
  version: number;
  server: string;
  backup: string;
  operation: string;
  /** RFC 3339, when the archive was begun. */
  created: string;
  daemonVersion: string;
}

export type ManifestRecord = ManifestPath &
  (
    | {
        /** Every directory but the root, before what is in it; those without a file under them are in no other place. */
        type: 'directory';
        /** 12 bits. */
        mode: number;
        /** Whole seconds since the epoch. */
        mtime: number;
      }
    /** Whatever it leads to; the target is bytes as the name is. */
    | ({ type: 'symlink' } & ManifestTarget)
    /** One more name of the file that is archived as `target`, and is archived in full under this name too. */
    | ({ type: 'hardlink' } & ManifestTarget)
    | {
        /** Shrank while it was read: the entry has `size` bytes, of which the last ones are zeros from `read` on. */
        type: 'changed';
        size: number;
        read: number;
      }
    | {
        /** Not in the archive. */
        type: 'skipped';
        reason: 'fifo' | 'socket' | 'device' | 'mount' | 'too-deep' | 'vanished';
      }
  );

export type ManifestTarget = { target: string } | { target64: string };

/** The last line: `],` and the rest of the object, so that the whole text is one JSON value. */
export interface ManifestTail {
  /** Regular files in the archive. */
  entries: number;
  contentBytes: number;
  directories: number;
  symlinks: number;
  hardlinks: number;
  changed: number;
  skipped: number;
  /** Of the tar stream before the first global header: its length and its CRC-32, eight hex digits. */
  tarBytes: number;
  tarCrc32: string;
}

/** `{…,"records":[` and a newline. */
export function manifestHeadLine(head: ManifestHead): string {
  return `${JSON.stringify(head).slice(0, -1)},"records":[\n`;
}

/** Without the comma that all but the last one have, and without the newline. */
export function manifestRecordLine(record: ManifestRecord): string {
  return JSON.stringify(record);
}

/** Starts on a line of its own. */
export function manifestTailLine(tail: ManifestTail): string {
  return `],${JSON.stringify(tail).slice(1)}\n`;
}

/** A line of the text, by what it starts and ends with. @throws SyntaxError when it is none */
export function parseManifestLine(
  line: string,
):
  | { kind: 'head'; head: ManifestHead }
  | { kind: 'record'; record: ManifestRecord }
  | { kind: 'tail'; tail: ManifestTail } {
  if (line.startsWith('],')) return { kind: 'tail', tail: JSON.parse(`{${line.slice(2)}`) };
  if (line.endsWith(',"records":[')) return { kind: 'head', head: JSON.parse(`${line.slice(0, -12)}}`) };
  return { kind: 'record', record: JSON.parse(line.endsWith(',') ? line.slice(0, -1) : line) };
}

export function manifestPath(name: Buffer): ManifestPath {
  return isUtf8(name) ? { path: name.toString() } : { path64: name.toString('base64') };
}

export function manifestTarget(target: Buffer): ManifestTarget {
  return isUtf8(target) ? { target: target.toString() } : { target64: target.toString('base64') };
}

export function bytesOfPath(record: ManifestPath): Buffer {
  return 'path64' in record ? Buffer.from(record.path64, 'base64') : Buffer.from(record.path);
}

export function bytesOfTarget(record: ManifestTarget): Buffer {
  return 'target64' in record ? Buffer.from(record.target64, 'base64') : Buffer.from(record.target);
}
