// Puts what an archive holds below a directory, while it is verified. Files come as they are read; links and what
// directories are like come when the whole archive was found right.
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { Owner } from '../../volumes/owner.ts';
import type { Job } from '../job.ts';
import { loadLibc } from '../libc.ts';
import type { RestoredFacts } from '../plan.ts';
import { shown } from '../read/entry-path.ts';
import {
  type ArchiveEntry,
  type ArchiveListener,
  type ManifestEntry,
  type ReadOptions,
  readArchive,
} from '../read/read-archive.ts';
import { ArchiveError } from '../runner.ts';
import type { Budget } from './budget.ts';
import { type Deferred, DeferredWork } from './deferred.ts';
import type { MadeDirectories } from './made-directories.ts';
import type { Selection } from './selection.ts';
import { TreeWriter } from './tree-writer.ts';

export interface UnpackOptions {
  read: ReadOptions;
  owner: Owner;
  budget: Budget;
  selection: Selection;
  /** For what is put aside. */
  staging: OpenDirectory;
  /** Directories that are there keep their modes and times, as they do when what was staged is moved over them. */
  made?: MadeDirectories | undefined;
}

const mostWarnings = 20;
/** Of what was put aside, between two looks at whether to stop and at who else wants the thread. */
const deferredAtATime = 1000;

/** Nothing of it is durable yet. @throws ArchiveError, the signal's reason, what the system says */
export async function unpack(target: OpenDirectory, options: UnpackOptions, job: Job): Promise<RestoredFacts> {
  const { owner, budget, staging, selection, made } = options;
  const checkStop = () => job.signal.throwIfAborted();
  using writer = new TreeWriter(target, { owner, budget, libc: await loadLibc(), made, checkStop });
  using deferred = new DeferredWork(staging);
  const unpacking = new Unpacking(writer, deferred, selection, budget);
  const { warnings } = await readArchive(job, options.read, unpacking);
  selection.checkFound();
  await finish(writer, deferred, job);
  const { files, bytes, skipped } = unpacking;
  return { files, bytes, skipped, warnings: [...warnings, ...unpacking.warnings] };
}

class Unpacking implements ArchiveListener {
  files = 0;
  bytes = 0;
  skipped = 0;
  readonly warnings: string[] = [];
  readonly #writer: TreeWriter;
  readonly #deferred: DeferredWork;
  readonly #selection: Selection;
  readonly #budget: Budget;
  #writing = false;

  constructor(writer: TreeWriter, deferred: DeferredWork, selection: Selection, budget: Budget) {
    this.#writer = writer;
    this.#deferred = deferred;
    this.#selection = selection;
    this.#budget = budget;
  }

  entry(entry: ArchiveEntry): void {
    const wanted = this.#selection.wants(entry.path);
    if (wanted === 'yes') this.#make(entry);
    else if (wanted === 'parent' && entry.type === 'directory') this.#defer({ ...entry, kind: 'directory' });
  }

  data(bytes: Buffer, at: number): void {
    if (this.#writing) this.#writer.data(bytes, at);
  }

  fileEnd(): void {
    if (this.#writing) this.#writer.endFile();
    this.#writing = false;
  }

  manifest(entry: ManifestEntry): void {
    const wanted = this.#selection.wants(entry.path);
    if (entry.type === 'directory') {
      if (wanted !== 'no') this.#defer({ ...entry, kind: wanted === 'yes' ? 'make-directory' : 'directory' });
    } else if (wanted === 'yes') {
      if (entry.type === 'symlink') this.#defer({ kind: 'last-link', path: entry.path, target: entry.target });
      else if (this.#selection.wants(entry.target) === 'yes')
        this.#defer({ kind: 'join', path: entry.path, target: entry.target });
    }
  }

  #make(entry: ArchiveEntry): void {
    switch (entry.type) {
      case 'file':
        this.#writer.beginFile(entry.path, entry);
        this.#writing = true;
        this.files += 1;
        this.bytes += entry.size;
        return;
      case 'directory':
        // The directory that everything is in stays what it is.
        if (entry.path.length === 0) return;
        this.#writer.directory(entry.path);
        this.#defer({ kind: 'directory', path: entry.path, mode: entry.mode, mtime: entry.mtime });
        return;
      case 'symlink':
        this.#writer.clear(entry.path);
        this.#defer({ kind: 'link', path: entry.path, target: entry.target });
        return;
      case 'hardlink':
        this.#copy(entry);
        return;
      case 'other':
        this.skipped += 1;
    }
  }

  #copy(entry: ArchiveEntry & { type: 'hardlink' }): void {
    if (this.#selection.wants(entry.target) !== 'yes') {
      this.skipped += 1;
      const text = `${shown(entry.name)} is a link to a file that is not among those wanted`;
      if (this.warnings.length < mostWarnings) this.warnings.push(text);
      return;
    }
    if (isSame(entry.path, entry.target)) return;
    const bytes = this.#writer.copyFile(entry.target, entry.path, entry);
    if (bytes === undefined) throw missingTarget(entry.name);
    this.files += 1;
    this.bytes += bytes;
  }

  #defer(work: Deferred): void {
    this.#budget.wrote(64);
    this.#deferred.add(work);
  }
}

/** Links first: making one changes the time of its directory. */
async function finish(writer: TreeWriter, deferred: DeferredWork, job: Job): Promise<void> {
  await each(deferred, job, (work) => {
    if (work.kind === 'make-directory') writer.directory(work.path);
    else if (work.kind === 'last-link') writer.makeLink(work.path, work.target);
    else if (work.kind === 'join') writer.joinFiles(work.target, work.path);
    else if (work.kind === 'link' && writer.kindOf(work.path) !== 'other') writer.makeLink(work.path, work.target);
  });
  await each(deferred, job, (work) => {
    if (work.kind === 'directory' || work.kind === 'make-directory') {
      writer.setDirectory(work.path, work.mode, work.mtime);
    }
  });
}

async function each(deferred: DeferredWork, job: Job, act: (work: Deferred) => void): Promise<void> {
  let count = 0;
  for (const work of deferred.all()) {
    act(work);
    if (++count % deferredAtATime !== 0) continue;
    await new Promise((resolve) => setImmediate(resolve));
    job.signal.throwIfAborted();
  }
}

export function missingTarget(name: Buffer): ArchiveError {
  return new ArchiveError('DAMAGED', `${shown(name)} is a link to a file that is not in the archive before it`);
}

function isSame(one: readonly Buffer[], other: readonly Buffer[]): boolean {
  return one.length === other.length && one.every((name, i) => name.equals(other[i] ?? Buffer.alloc(0)));
}
