// Reads an archive from its first byte to its last and believes nothing: checksums, lengths, names, counts and the end are
// checked whatever is done with the content. Whoever listens is told entries whose names are safe, and an error at any
// time after that.
import type { Job } from '../job.ts';
import {
  bytesOfPath,
  bytesOfTarget,
  type ManifestRecord,
  type ManifestTail,
  manifestKeyword,
} from '../manifest-format.ts';
import type { ArchiveFormat } from '../plan.ts';
import { ArchiveError } from '../runner.ts';
import { ArchiveFile } from './archive-file.ts';
import type { BlockSource } from './block-source.ts';
import { type EntryPath, entryPath, shown } from './entry-path.ts';
import { ManifestReader } from './manifest-reader.ts';
import { openSource } from './open-source.ts';
import type { PaxRecord, Time } from './pax.ts';
import type { TarEntry } from './tar-entry.ts';
import { TarReader, type TarSink } from './tar-reader.ts';

interface Place {
  path: EntryPath;
  /** As the archive writes it, for messages. */
  name: Buffer;
}

export type ArchiveEntry = Place &
  (
    | { type: 'file'; mode: number; mtime: Time; size: number }
    | { type: 'directory'; mode: number; mtime: Time }
    /** `target` is any text, and never looked up. */
    | { type: 'symlink'; target: Buffer }
    /** `target` is a name in the archive. */
    | { type: 'hardlink'; target: EntryPath; mode: number; mtime: Time }
    /** Devices, FIFOs and what no tar reader knows. */
    | { type: 'other' }
  );

/** What the manifest adds. */
export type ManifestEntry = Place &
  (
    | { type: 'directory'; mode: number; mtime: Time }
    | { type: 'symlink'; target: Buffer }
    /** Both names are in the archive as files. */
    | { type: 'hardlink'; target: EntryPath }
  );

export interface ArchiveListener {
  entry(entry: ArchiveEntry): void;
  /** Of the file told last. Holes are not told. */
  data(bytes: Buffer, at: number): void;
  fileEnd(): void;
  manifest(entry: ManifestEntry): void;
  /** After each block: waits for whoever is slow. `false`: enough, read no further. */
  blockEnd?(): Promise<boolean>;
}

export interface ReadOptions {
  archive: string;
  /** In hex: what the SHA-1 must be. */
  checksum?: string;
  /** Compute the SHA-1 although nothing is expected. */
  hashed?: boolean;
  /** Bytes a second, 0 = no limit. */
  readLimit: number;
  mostEntries: number;
}

export interface ReadFacts {
  size: number;
  /** `undefined`: not asked for, or not read to the end. */
  checksum?: string;
  format: ArchiveFormat | 'tar';
  /** Regular files, hard links not among them. */
  files: number;
  contentBytes: number;
  warnings: string[];
}

/** Extended headers before an entry, at most, on the average. */
const headersPerEntry = 4;
/** Tar pads to records; whatever is longer is no padding. */
const mostBytesAfterEnd = 64 * 1024 * 1024;

/** @throws ArchiveError, the signal's reason, what the listener throws */
export async function readArchive(job: Job, options: ReadOptions, listener: ArchiveListener): Promise<ReadFacts> {
  const hashed = options.hashed === true || options.checksum !== undefined;
  await using file = await ArchiveFile.open(job, { path: options.archive, readLimit: options.readLimit, hashed });
  await using source = await openSource(file, job.gzip);
  const reading = new Reading(job, source, options, listener);
  const readAll = await reading.run();
  const { size } = file;
  const { format } = source;
  const { files, contentBytes, warnings } = reading;
  const facts = { size, format, files, contentBytes, warnings };
  if (!readAll || !hashed) return facts;
  await file.drain();
  const checksum = file.checksum();
  if (options.checksum !== undefined && options.checksum.toLowerCase() !== checksum) {
    throw new ArchiveError('CHECKSUM_MISMATCH', 'the archive is not the one that was made: its checksum differs');
  }
  return { ...facts, checksum };
}

class Reading implements TarSink {
  files = 0;
  contentBytes = 0;
  readonly warnings: string[] = [];
  readonly #job: Job;
  readonly #source: BlockSource;
  readonly #listener: ArchiveListener;
  readonly #mostEntries: number;
  readonly #tar: TarReader;
  #entries = 0;
  #last: Buffer | undefined;
  #blockAt = 0;
  #manifest: { reader: ManifestReader; startsAt: number; crcBefore: number | undefined } | undefined;
  #slices: Buffer[] = [];
  #records = 0;

  constructor(job: Job, source: BlockSource, { mostEntries }: ReadOptions, listener: ArchiveListener) {
    this.#job = job;
    this.#source = source;
    this.#listener = listener;
    this.#mostEntries = mostEntries;
    this.#tar = new TarReader(this, (mostEntries + 1000) * headersPerEntry);
  }

  /** `false`: the listener had enough. */
  async run(): Promise<boolean> {
    try {
      let bytesAfterEnd = 0;
      for (let block = await this.#source.next(); block; block = await this.#source.next()) {
        this.#job.signal.throwIfAborted();
        if (this.#tar.ended) bytesAfterEnd += block.length;
        if (bytesAfterEnd > mostBytesAfterEnd) throw new ArchiveError('DAMAGED', 'the archive goes on after its end');
        this.#tar.write(block);
        this.#blockAt += block.length;
        for (const slice of this.#slices.splice(0)) await this.#manifest?.reader.add(slice);
        if (this.#last) this.#job.progress.current = shown(this.#last);
        if ((await this.#listener.blockEnd?.()) === false) return false;
      }
      await this.#finish();
      return true;
    } finally {
      this.#manifest?.reader.destroy();
    }
  }

  entry(entry: TarEntry): void {
    this.#entries += 1;
    if (this.#entries > this.#mostEntries) throw tooMany(this.#mostEntries);
    const place = { path: this.#path(entry.name), name: entry.name };
    this.#last = entry.name;
    if (entry.type === 'file') {
      if (place.path.length === 0) throw new ArchiveError('UNSAFE_NAME', 'the archive has a file without a name');
      this.files += 1;
      this.#job.progress.files += 1;
      this.contentBytes += entry.size;
    }
    this.#listener.entry(this.#told(place, entry));
  }

  data(bytes: Buffer, at: number): void {
    this.#listener.data(bytes, at);
  }

  fileEnd(): void {
    this.#listener.fileEnd();
  }

  global({ key, value }: PaxRecord, headerAt: number): void {
    if (key !== manifestKeyword) return;
    this.#manifest ??= {
      reader: new ManifestReader((record) => this.#record(record)),
      startsAt: headerAt,
      crcBefore: headerAt === this.#blockAt ? this.#source.crcBefore : undefined,
    };
    this.#slices.push(value);
  }

  #told(place: Place, { type, mode, mtime, size, target }: TarEntry): ArchiveEntry {
    switch (type) {
      case 'file':
        return { ...place, type, mode, mtime, size };
      case 'directory':
        return { ...place, type, mode, mtime };
      case 'symlink':
        return { ...place, type, target: this.#linkText(place, target) };
      case 'hardlink':
        return { ...place, type, target: this.#linkedPath(place, target), mode, mtime };
      case 'other':
        return { ...place, type };
    }
  }

  #record(record: ManifestRecord): void {
    this.#records += 1;
    if (this.#records > this.#mostEntries) throw tooMany(this.#mostEntries);
    if (record.type === 'changed' || record.type === 'skipped') return;
    const name = bytesOfPath(record);
    const place = { path: this.#path(name), name };
    if (place.path.length === 0) return;
    if (record.type === 'directory') {
      const mtime = { seconds: record.mtime, nanoseconds: 0 };
      this.#listener.manifest({ ...place, type: 'directory', mode: record.mode, mtime });
    } else if (record.type === 'symlink') {
      const target = this.#linkText(place, bytesOfTarget(record));
      this.#listener.manifest({ ...place, type: 'symlink', target });
    } else {
      const target = this.#linkedPath(place, bytesOfTarget(record));
      this.#listener.manifest({ ...place, type: 'hardlink', target });
    }
  }

  #path(name: Buffer): EntryPath {
    return entryPath(name, this.#source.ours);
  }

  /** Text that the system takes for a link: some, without a zero byte, shorter than its longest path. */
  #linkText({ name, path }: Place, target: Buffer): Buffer {
    if (path.length > 0 && target.length > 0 && target.length < 4096 && !target.includes(0)) return target;
    throw impossibleLink(name);
  }

  #linkedPath({ name, path }: Place, target: Buffer): EntryPath {
    const targetPath = this.#path(target);
    if (path.length === 0 || targetPath.length === 0) throw impossibleLink(name);
    return targetPath;
  }

  async #finish(): Promise<void> {
    this.#tar.finish();
    const { ours, whole, trailingBytes } = this.#source;
    if (!this.#tar.ended) {
      // Nothing but a single compressed piece tells a tar that was never ended from one that was cut.
      if (ours || this.#manifest || !whole || trailingBytes > 0)
        throw new ArchiveError('DAMAGED', 'the archive has no end');
      if (this.#entries === 0) throw new ArchiveError('NOT_AN_ARCHIVE', 'the archive is empty');
      this.warnings.push('the archive has no end marks');
    }
    if (ours && !this.#manifest) throw new ArchiveError('DAMAGED', 'the list at the end of the archive is missing');
    if (this.#manifest) this.#compare(await this.#manifest.reader.finish());
    if (trailingBytes > 0) this.warnings.push(`${trailingBytes} bytes after the end of the archive were ignored`);
  }

  #compare({ entries, contentBytes, tarBytes, tarCrc32 }: ManifestTail): void {
    const { startsAt, crcBefore } = this.#manifest ?? {};
    const crc = crcBefore === undefined ? tarCrc32 : crcBefore.toString(16).padStart(8, '0');
    if (entries === this.files && contentBytes === this.contentBytes && tarBytes === startsAt && tarCrc32 === crc)
      return;
    throw new ArchiveError('DAMAGED', 'the archive does not hold what its list says');
  }
}

function impossibleLink(name: Buffer): ArchiveError {
  return new ArchiveError('UNSAFE_NAME', `the archive has a link that cannot be: ${shown(name)}`);
}

function tooMany(entries: number): ArchiveError {
  return new ArchiveError('TOO_MANY_ENTRIES', `the archive has more than ${entries} entries`);
}
