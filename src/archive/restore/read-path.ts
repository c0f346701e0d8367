// One path out of an archive, without restoring it: a file as it is, a directory as a tar whose names begin with that of
// the directory. A file is given as soon as it comes, and nothing after it is read, so only what is before it is verified.
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { EntryHeader, type EntryMeta } from '../create/entry-header.ts';
import type { Job } from '../job.ts';
import type { PathFacts, ReadPathPlan } from '../plan.ts';
import { type EntryPath, entryPath, shown } from '../read/entry-path.ts';
import type { Time } from '../read/pax.ts';
import { type ArchiveEntry, type ArchiveListener, type ManifestEntry, readArchive } from '../read/read-archive.ts';
import { ArchiveError } from '../runner.ts';
import { tarEndBytes, tarPadding, tarType } from '../tar-format.ts';
import { joined } from './deferred.ts';

/** A link to a link to a file. */
const mostLinks = 8;
/** An archive that is there was within its limits when it was made; one of others may be larger. */
const mostEntries = 10_000_000;
const linkMode = 0o777;
const zeros = Buffer.alloc(64 * 1024);

/** `onFound` is told before the first byte; the output is ended. @throws ArchiveError NOT_FOUND and others, the signal's reason */
export async function readPath(
  plan: ReadPathPlan,
  job: Job,
  output: Writable,
  onFound: (facts: PathFacts) => void,
): Promise<undefined> {
  let wanted = entryPath(Buffer.from(plan.path === '' ? '.' : plan.path), true);
  for (let link = 0; link <= mostLinks; link++) {
    const search = new Search(wanted, new Sender(output, job.signal), onFound);
    await readArchive(job, { archive: plan.archive, readLimit: 0, mostEntries }, search);
    await search.end();
    if (search.found) return;
    if (!search.linkedFrom) break;
    wanted = search.linkedFrom;
  }
  throw new ArchiveError('NOT_FOUND', `the archive has no ${shown(Buffer.from(plan.path))}`);
}

class Search implements ArchiveListener {
  found: PathFacts['type'] | undefined;
  /** What is wanted is a second name of this. */
  linkedFrom: EntryPath | undefined;
  readonly #wanted: EntryPath;
  readonly #sender: Sender;
  readonly #onFound: (facts: PathFacts) => void;
  readonly #header = new EntryHeader();
  #fileSize: number | undefined;
  #filePosition = 0;
  #done = false;

  constructor(wanted: EntryPath, sender: Sender, onFound: (facts: PathFacts) => void) {
    this.#wanted = wanted;
    this.#sender = sender;
    this.#onFound = onFound;
  }

  entry(entry: ArchiveEntry): void {
    if (this.#done || !this.#isBelow(entry.path)) return;
    const isIt = entry.path.length === this.#wanted.length;
    if (isIt && this.found === undefined) {
      if (entry.type === 'hardlink') this.linkedFrom = entry.target;
      if (entry.type !== 'file' && entry.type !== 'directory') {
        this.#done = true;
        return;
      }
    }
    if (entry.type === 'file') this.#beginFile(entry, isIt);
    else if (entry.type !== 'other') {
      this.#foundDirectory();
      this.#put(metaOf(entry, this.#name(entry.path), (path) => this.#name(path)));
    }
  }

  data(bytes: Buffer, at: number): void {
    if (this.#fileSize === undefined) return;
    this.#sender.addZeros(at - this.#filePosition);
    this.#sender.add(Buffer.from(bytes));
    this.#filePosition = at + bytes.length;
  }

  fileEnd(): void {
    if (this.#fileSize === undefined) return;
    this.#sender.addZeros(this.#fileSize - this.#filePosition);
    if (this.found === 'file') this.#done = true;
    else this.#sender.addZeros(tarPadding(this.#fileSize));
    this.#fileSize = undefined;
  }

  manifest(entry: ManifestEntry): void {
    if (this.#done || this.found === 'file' || !this.#isBelow(entry.path) || entry.type === 'hardlink') return;
    if (entry.path.length === this.#wanted.length && entry.type === 'symlink') return;
    this.#foundDirectory();
    this.#put(metaOf(entry, this.#name(entry.path), (path) => this.#name(path)));
  }

  async blockEnd(): Promise<boolean> {
    await this.#sender.send();
    return !this.#done;
  }

  async end(): Promise<void> {
    if (this.#wanted.length === 0) this.#foundDirectory();
    if (this.found === undefined) return;
    if (this.found === 'directory') this.#sender.addZeros(tarEndBytes);
    await this.#sender.send();
    await this.#sender.end();
  }

  #beginFile(entry: ArchiveEntry & { type: 'file' }, isIt: boolean): void {
    if (isIt && this.found === undefined) {
      this.found = 'file';
      this.#onFound({ type: 'file', size: entry.size });
    } else {
      this.#foundDirectory();
      this.#put(metaOf(entry, this.#name(entry.path), (path) => this.#name(path)));
    }
    this.#fileSize = entry.size;
    this.#filePosition = 0;
  }

  #foundDirectory(): void {
    if (this.found !== undefined) return;
    this.found = 'directory';
    this.#onFound({ type: 'directory' });
  }

  #put(meta: EntryMeta): void {
    // What is wanted is all there is: that has no name.
    if (meta.path.length === 0) return;
    this.#header.write(meta);
    this.#sender.add(Buffer.from(this.#header.buffer.subarray(0, this.#header.bytes)));
  }

  /** From the wanted directory on; what is not below it keeps its whole name. */
  #name(path: EntryPath): Buffer {
    return joined(this.#isBelow(path) ? path.slice(Math.max(0, this.#wanted.length - 1)) : path);
  }

  #isBelow(path: EntryPath): boolean {
    return path.length >= this.#wanted.length && this.#wanted.every((name, i) => path[i]?.equals(name));
  }
}

function metaOf(entry: ArchiveEntry | ManifestEntry, path: Buffer, nameOf: (path: EntryPath) => Buffer): EntryMeta {
  const seconds = (time: Time) => time.seconds;
  switch (entry.type) {
    case 'file':
      return { type: tarType.file, path, mode: entry.mode, size: entry.size, mtime: seconds(entry.mtime) };
    case 'directory':
      return { type: tarType.directory, path, mode: entry.mode, size: 0, mtime: seconds(entry.mtime) };
    case 'symlink':
      return { type: tarType.symlink, path, mode: linkMode, size: 0, mtime: 0, target: entry.target };
    case 'hardlink':
      return { type: tarType.hardLink, path, mode: linkMode, size: 0, mtime: 0, target: nameOf(entry.target) };
    case 'other':
      throw new Error('an entry that is neither file nor directory nor link has no place in a tar');
  }
}

/** What a block of the archive gives, until whoever reads the output has taken it. */
class Sender {
  readonly #output: Writable;
  readonly #signal: AbortSignal;
  #queue: (Buffer | number)[] = [];

  constructor(output: Writable, signal: AbortSignal) {
    this.#output = output;
    this.#signal = signal;
  }

  add(bytes: Buffer): void {
    if (bytes.length > 0) this.#queue.push(bytes);
  }

  addZeros(count: number): void {
    if (count > 0) this.#queue.push(count);
  }

  /** @throws the signal's reason, or that nobody reads any more */
  async send(): Promise<void> {
    for (const part of this.#queue.splice(0)) {
      if (Buffer.isBuffer(part)) await this.#write(part);
      else for (let left = part; left > 0; left -= zeros.length) await this.#write(zeros.subarray(0, left));
    }
  }

  async end(): Promise<void> {
    this.#output.end();
    await finished(this.#output, { readable: false, signal: this.#signal });
  }

  async #write(bytes: Buffer): Promise<void> {
    this.#signal.throwIfAborted();
    if (this.#output.destroyed) throw new ArchiveError('FAILED', 'nobody reads what is extracted any more');
    if (this.#output.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const settle = () => {
        this.#output.off('drain', settle).off('close', settle);
        this.#signal.removeEventListener('abort', settle);
        resolve();
      };
      this.#output.on('drain', settle).on('close', settle);
      this.#signal.addEventListener('abort', settle);
    });
  }
}
