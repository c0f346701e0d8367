// One look at the manifest directory: what its files declare, and whether that can be all. A file that did not change is
// not read again; one that is being written is taken as it was before until it has rested. What cannot be read is a
// mistake of that file and of no other.
import { createHash } from 'node:crypto';
import type { Clock } from '../clock/clock.ts';
import { type BackoffLimits, backoffMs } from '../runtime/backoff.ts';
import { type Declaration, declarationOf, type ForeignDocument } from './declaration.ts';
import type { ParsedDocument } from './documents.ts';
import { ManifestError, type Mistake } from './manifest-error.ts';
import { type FileFacts, factsOf, type Listing, listManifests, readManifest } from './manifest-files.ts';

/** How long a file must have been left alone. */
export const settleMs = 200;

/** After which a file that is written again and again is told of. */
const restlessMs = 10_000;

/** A machine that was too busy to read a text in time is asked again, a hostile text costs less and less. */
const parseAgain: BackoffLimits = { baseMs: 30_000, maxMs: 1_800_000 };

/** Of all manifests together: some 4,000 servers. They are kept in memory. */
const maxDirectoryBytes = 8 * 1024 * 1024;

export interface ScannedFile {
  name: string;
  /** Which content it is; what cannot be read has that of its reason. */
  version: string;
  declarations: Declaration[];
  foreign: ForeignDocument[];
  mistakes: Mistake[];
}

export interface DirectoryScan {
  /** By name. */
  files: ScannedFile[];
  /** Why nothing could be read at all. */
  failure?: Mistake;
  /** Each file was read as it is now. */
  complete: boolean;
  /** Another one when another directory was put in its place; absent when there is none. */
  identity?: string;
}

export interface ManifestReaderOptions {
  directory: string;
  clock: Clock;
  parser: { parse(text: string): Promise<{ documents: ParsedDocument[]; gaveUp: boolean }>; rest(): Promise<void> };
}

interface Known {
  signature: string;
  file: ScannedFile;
  /** How often its text was given up, and the monotonic ms after which it is read again though it is the same. */
  givenUp: number;
  againAt: number;
}

export class ManifestReader {
  readonly #options: ManifestReaderOptions;
  readonly #known = new Map<string, Known>();
  /** Since when a file has not rested, monotonic ms. */
  readonly #restless = new Map<string, number>();
  /** Where manifests were found last. */
  #device: bigint | undefined;

  constructor(options: ManifestReaderOptions) {
    this.#options = options;
  }

  /** One at a time. Never rejects. */
  async scan(): Promise<DirectoryScan> {
    let listing: Listing;
    try {
      listing = await listManifests(this.#options.directory);
      this.#checkMount(listing);
    } catch (error) {
      return { files: [], failure: mistakeIn(error), complete: false };
    }
    const { names, identity } = listing;
    const scan: DirectoryScan = { files: [], complete: true, identity };
    let bytes = 0;
    for (const name of names) {
      const facts = await this.#look(name, scan, maxDirectoryBytes - bytes);
      bytes += facts?.bytes ?? 0;
    }
    await this.#options.parser.rest();
    const present = new Set(names);
    for (const name of this.#known.keys()) if (!present.has(name)) this.#known.delete(name);
    for (const name of this.#restless.keys()) if (!present.has(name)) this.#restless.delete(name);
    return scan;
  }

  /** A file system that is not mounted leaves an empty directory behind, which nobody emptied. */
  #checkMount({ names, device }: Listing): void {
    if (names.length > 0) this.#device = device;
    else if (this.#device !== undefined && this.#device !== device) {
      throw new ManifestError('the manifest directory is on another file system than before, and empty');
    }
  }

  async #look(name: string, scan: DirectoryScan, room: number): Promise<FileFacts | undefined> {
    const known = this.#known.get(name);
    try {
      const facts = await factsOf(this.#options.directory, name);
      if (facts && facts.bytes > room)
        throw new ManifestError(`all manifests together have more than ${maxDirectoryBytes} bytes`);
      const file = facts && (await this.#fileAt(name, facts, known));
      if (file) scan.files.push(file);
      else {
        scan.complete = false;
        if (known) scan.files.push(known.file);
      }
      return facts;
    } catch (error) {
      // Not kept: what is wrong with the disk or the rights of a file may be over without a trace at the file.
      const mistake = mistakeIn(error);
      this.#known.delete(name);
      scan.files.push({ name, version: mistake.message, declarations: [], foreign: [], mistakes: [mistake] });
      return undefined;
    }
  }

  /** Undefined while it does not rest, or when it is gone. @throws ManifestError */
  async #fileAt(name: string, facts: FileFacts, known: Known | undefined): Promise<ScannedFile | undefined> {
    const { clock, directory } = this.#options;
    const again = known !== undefined && clock.monotonic() >= known.againAt;
    if (known?.signature === facts.signature && !again) return known.file;
    const read = this.#rests(name, facts) ? await readManifest(directory, name) : undefined;
    if (read?.facts.signature !== facts.signature) return undefined;
    this.#restless.delete(name);
    const version = createHash('sha256').update(read.text).digest('hex');
    const { signature } = facts;
    if (known?.file.version === version && !again) {
      this.#known.set(name, { ...known, signature });
      return known.file;
    }
    const { documents, gaveUp } = await this.#options.parser.parse(read.text);
    const file = fileOf(name, version, documents);
    const givenUp = gaveUp ? (again ? known.givenUp : 0) + 1 : 0;
    const againAt = gaveUp ? clock.monotonic() + backoffMs(givenUp, parseAgain, () => 1) : Infinity;
    this.#known.set(name, { signature, file, givenUp, againAt });
    return file;
  }

  /** By the clock of the file system, which may differ from ours: a time far ahead says nothing. @throws ManifestError */
  #rests(name: string, { touchedAt }: FileFacts): boolean {
    const { clock } = this.#options;
    if (Math.abs(clock.now() - touchedAt) >= settleMs) return true;
    const since = this.#restless.get(name) ?? clock.monotonic();
    this.#restless.set(name, since);
    if (clock.monotonic() - since < restlessMs) return false;
    throw new ManifestError('the file is written again and again; it is applied once it rests');
  }
}

function fileOf(name: string, version: string, documents: readonly ParsedDocument[]): ScannedFile {
  const file: ScannedFile = { name, version, declarations: [], foreign: [], mistakes: [] };
  for (const parsed of documents) {
    if ('mistake' in parsed) {
      file.mistakes.push(parsed.mistake);
      continue;
    }
    try {
      const declared = declarationOf(name, parsed.document);
      if ('object' in declared) file.declarations.push(declared);
      else file.foreign.push(declared);
    } catch (error) {
      file.mistakes.push(mistakeIn(error));
    }
  }
  return file;
}

/** @throws what is no fault of a manifest */
function mistakeIn(error: unknown): Mistake {
  if (error instanceof ManifestError) return error.mistake;
  throw error;
}
