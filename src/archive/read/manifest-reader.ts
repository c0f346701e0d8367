// The manifest of one of our archives, taken slice by slice and told record by record, so that it may be longer than
// memory. What it says of itself is compared with what came.
import { createInflate, type Inflate } from 'node:zlib';
import {
  type ManifestRecord,
  type ManifestTail,
  manifestSliceBytes,
  manifestVersion,
  parseManifestLine,
} from '../manifest-format.ts';
import { ArchiveError } from '../runner.ts';

/** A name in base64 and a target, and JSON around them. */
const longestLine = 512 * 1024;
const newline = 0x0a;
const knownTypes: ReadonlySet<string> = new Set(['directory', 'symlink', 'hardlink', 'changed', 'skipped']);
const sliceValue = /^(\d{1,6})\/(\d{1,6}):/;

export class ManifestReader {
  tail: ManifestTail | undefined;
  readonly #onRecord: (record: ManifestRecord) => void;
  readonly #inflate: Inflate = createInflate();
  readonly #done: Promise<void>;
  #slices = 0;
  #slicesInAll = 0;
  #line = Buffer.alloc(0);
  #sawHead = false;
  readonly #counts: Record<ManifestRecord['type'], number> = {
    directory: 0,
    symlink: 0,
    hardlink: 0,
    changed: 0,
    skipped: 0,
  };

  constructor(onRecord: (record: ManifestRecord) => void) {
    this.#onRecord = onRecord;
    this.#done = new Promise((resolve, reject) => {
      this.#inflate.on('data', (text: Buffer) => {
        try {
          this.#read(text);
        } catch (error) {
          this.#inflate.destroy();
          reject(error);
        }
      });
      this.#inflate.once('end', resolve);
      this.#inflate.once('error', (error) => reject(damaged(error)));
    });
    // Whoever adds the next slice hears of it.
    this.#done.catch(() => undefined);
  }

  /** The value of one global header. @throws ArchiveError DAMAGED, FAILED for a version of the future, what `onRecord` throws */
  async add(value: Buffer): Promise<void> {
    const match = sliceValue.exec(value.toString('latin1', 0, 14));
    const [prefix, number, of] = match ?? [];
    if (prefix === undefined || Number(number) !== this.#slices + 1) throw damaged();
    if (this.#slices > 0 && Number(of) !== this.#slicesInAll) throw damaged();
    this.#slices += 1;
    this.#slicesInAll = Number(of);
    const base64 = value.toString('latin1', prefix.length);
    const slice = Buffer.from(base64, 'base64');
    if (slice.toString('base64') !== base64 || slice.length > manifestSliceBytes) throw damaged();
    const written = new Promise<void>((resolve) => this.#inflate.write(slice, () => resolve()));
    await Promise.race([written, this.#done]);
  }

  /** All slices came, and they say what they should. @throws as `add` */
  async finish(): Promise<ManifestTail> {
    if (this.#slices !== this.#slicesInAll) throw damaged();
    this.#inflate.end();
    await this.#done;
    const { tail } = this;
    if (!tail || this.#line.length > 0) throw damaged();
    const counts = this.#counts;
    const right =
      tail.directories === counts.directory &&
      tail.symlinks === counts.symlink &&
      tail.hardlinks === counts.hardlink &&
      tail.changed === counts.changed &&
      tail.skipped === counts.skipped;
    if (!right) throw damaged();
    return tail;
  }

  /** Of a manifest that nobody wants any more. */
  destroy(): void {
    this.#inflate.destroy();
  }

  #read(text: Buffer): void {
    let start = 0;
    for (let end = text.indexOf(newline); end >= 0; end = text.indexOf(newline, start)) {
      const part = text.subarray(start, end);
      const line = this.#line.length > 0 ? Buffer.concat([this.#line, part]) : part;
      this.#line = Buffer.alloc(0);
      if (line.length > longestLine) throw damaged();
      this.#readLine(line.toString());
      start = end + 1;
    }
    if (start === text.length) return;
    this.#line = Buffer.concat([this.#line, text.subarray(start)]);
    if (this.#line.length > longestLine) throw damaged();
  }

  #readLine(line: string): void {
    const parsed = parsedLine(line);
    if (this.tail || this.#sawHead === (parsed.kind === 'head')) throw damaged();
    if (parsed.kind === 'head') {
      this.#sawHead = true;
      if (parsed.head.version !== manifestVersion) {
        throw new ArchiveError('FAILED', 'the archive was made by a newer version of this program');
      }
    } else if (parsed.kind === 'tail') {
      this.tail = parsed.tail;
    } else if (!isOfALaterWriter(parsed.record)) {
      if (!isRecord(parsed.record)) throw damaged();
      this.#counts[parsed.record.type] += 1;
      this.#onRecord(parsed.record);
    }
  }
}

function parsedLine(line: string): ReturnType<typeof parseManifestLine> {
  try {
    return parseManifestLine(line);
  } catch (error) {
    throw damaged(error);
  }
}

/** A kind of record that this reader may pass over: otherwise the version would be another. */
function isOfALaterWriter(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false;
  return typeof value.type === 'string' && !knownTypes.has(value.type);
}

/** The fields that a restore acts on have the types it counts on. */
function isRecord(value: unknown): value is ManifestRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Record<string, unknown>;
  if (!isBytes(record, 'path')) return false;
  switch (record.type) {
    case 'directory':
      return Number.isSafeInteger(record.mode) && Number.isSafeInteger(record.mtime);
    case 'symlink':
    case 'hardlink':
      return isBytes(record, 'target');
    case 'changed':
    case 'skipped':
      return true;
    default:
      return false;
  }
}

function isBytes(record: Record<string, unknown>, key: 'path' | 'target'): boolean {
  return typeof record[key] === 'string' || typeof record[`${key}64`] === 'string';
}

function damaged(cause?: unknown): ArchiveError {
  return new ArchiveError('DAMAGED', 'the list at the end of the archive is damaged', { cause });
}
