// What a restore may do only when every file is there: links, and what directories are like. Kept in a file without a name
// in the staging directory, so that a million of them take no more memory than ten.
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { EntryPath } from '../read/entry-path.ts';
import type { Time } from '../read/pax.ts';

export type Deferred = { path: EntryPath } /** Made when it is not there. */ & (
  | { kind: 'make-directory'; mode: number; mtime: Time }
  /** What it is like, if it is there. */
  | { kind: 'directory'; mode: number; mtime: Time }
  /** An entry of the archive: files that came after it took its place. */
  | { kind: 'link'; target: Buffer }
  /** Of the manifest, which comes after all entries. */
  | { kind: 'last-link'; target: Buffer }
  | { kind: 'join'; target: EntryPath }
);

const kinds = ['make-directory', 'directory', 'link', 'last-link', 'join'] as const;
/** Gone as soon as it is open: only this process reads it. */
const name = Buffer.from('deferred');
const bufferBytes = 256 * 1024;
const slash = Buffer.from('/');

/** Kind, mode, seconds, nanoseconds, length of the path, length of the target; then both. */
const headBytes = 1 + 2 + 8 + 4 + 4 + 4;

export class DeferredWork implements Disposable {
  readonly #fd: number;
  #written = 0;
  #buffered: Buffer[] = [];
  #bufferedBytes = 0;

  constructor(staging: OpenDirectory) {
    if (staging.lstat(name)) staging.unlink(name);
    const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
    this.#fd = openSync(`/proc/self/fd/${staging.fd}/${name}`, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    staging.unlink(name);
  }

  /** @throws what the system refuses */
  add(work: Deferred): void {
    const record = encode(work);
    this.#buffered.push(record);
    this.#bufferedBytes += record.length;
    if (this.#bufferedBytes >= bufferBytes) this.#flush();
  }

  /** In the order they came in. */
  *all(): Generator<Deferred, void, undefined> {
    this.#flush();
    const buffer = Buffer.allocUnsafe(bufferBytes);
    let held = Buffer.alloc(0);
    for (let at = 0; at < this.#written; ) {
      const bytes = readSync(this.#fd, buffer, 0, buffer.length, at);
      if (bytes === 0) break;
      at += bytes;
      held = Buffer.concat([held, buffer.subarray(0, bytes)]);
      let start = 0;
      for (let end = recordEnd(held, start); end !== undefined; end = recordEnd(held, start)) {
        yield decode(held.subarray(start, end));
        start = end;
      }
      held = held.subarray(start);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #flush(): void {
    const bytes = Buffer.concat(this.#buffered);
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#written + done);
    }
    this.#written += bytes.length;
    this.#buffered = [];
    this.#bufferedBytes = 0;
  }
}

function encode(work: Deferred): Buffer {
  const path = joined(work.path);
  const target =
    'target' in work ? (Buffer.isBuffer(work.target) ? work.target : joined(work.target)) : Buffer.alloc(0);
  const { mode, mtime } = 'mode' in work ? work : { mode: 0, mtime: { seconds: 0, nanoseconds: 0 } };
  const head = Buffer.alloc(headBytes);
  head.writeUInt8(kinds.indexOf(work.kind), 0);
  head.writeUInt16LE(mode & 0o7777, 1);
  head.writeDoubleLE(mtime.seconds, 3);
  head.writeUInt32LE(mtime.nanoseconds, 11);
  head.writeUInt32LE(path.length, 15);
  head.writeUInt32LE(target.length, 19);
  return Buffer.concat([head, path, target]);
}

function recordEnd(held: Buffer, start: number): number | undefined {
  if (held.length - start < headBytes) return undefined;
  const end = start + headBytes + held.readUInt32LE(start + 15) + held.readUInt32LE(start + 19);
  return end <= held.length ? end : undefined;
}

function decode(record: Buffer): Deferred {
  const kind = kinds[record.readUInt8(0)];
  const pathEnd = headBytes + record.readUInt32LE(15);
  const path = split(record.subarray(headBytes, pathEnd));
  const target = record.subarray(pathEnd);
  switch (kind) {
    case 'make-directory':
    case 'directory': {
      const mtime = { seconds: record.readDoubleLE(3), nanoseconds: record.readUInt32LE(11) };
      return { kind, path, mode: record.readUInt16LE(1), mtime };
    }
    case 'link':
    case 'last-link':
      return { kind, path, target };
    case 'join':
      return { kind, path, target: split(target) };
    default:
      throw new Error('what was put aside for later cannot be read');
  }
}

export function joined(path: EntryPath): Buffer {
  return Buffer.concat(path.flatMap((name, i) => (i === 0 ? [name] : [slash, name])));
}

export function split(path: Buffer): EntryPath {
  const names: Buffer[] = [];
  for (let start = 0; start < path.length; ) {
    const found = path.indexOf(slash, start);
    const end = found < 0 ? path.length : found;
    names.push(path.subarray(start, end));
    start = end + 1;
  }
  return names;
}
