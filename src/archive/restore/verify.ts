// Reads an archive through and writes nothing, not even beside it: would it restore? Asked about a server too, it tells
// what unpacking it there would come to, so that nothing is begun in place that has to end half-way.
import type { Job } from '../job.ts';
import type { VerifiedFacts, VerifyPlan } from '../plan.ts';
import { type ArchiveEntry, type ArchiveListener, type ManifestEntry, readArchive } from '../read/read-archive.ts';
import { overLimit } from './budget.ts';
import { bytesOnDiskOf, Incoming } from './incoming.ts';
import { openRoot } from './places.ts';
import { Selection } from './selection.ts';
import { missingTarget } from './unpack.ts';

/** @throws ArchiveError, the signal's reason */
export async function verify(plan: VerifyPlan, job: Job): Promise<VerifiedFacts> {
  const { archive, checksum, readLimit, limits, into } = plan;
  const expected = checksum === undefined ? {} : { checksum };
  const options = { archive, readLimit, hashed: true, mostEntries: limits.entries, ...expected };
  const selection = new Selection(into?.paths ?? []);
  const incoming = new Incoming();
  const facts = await readArchive(job, options, new Verification(limits.contentBytes, selection, incoming));
  selection.checkFound();
  return {
    size: facts.size,
    checksum: facts.checksum ?? '',
    format: facts.format,
    entries: facts.files,
    contentBytes: facts.contentBytes,
    warnings: facts.warnings,
    ...(into ? { growthBytes: growth(incoming, into, limits.contentBytes, job) } : {}),
  };
}

/** @throws ArchiveError OVER_DISK_LIMIT, NOT_FOUND */
function growth(
  incoming: Incoming,
  { root: path, mode }: NonNullable<VerifyPlan['into']>,
  limit: number,
  { signal }: Job,
): number {
  const checkStop = () => signal.throwIfAborted();
  using root = openRoot(path);
  if (mode === 'truncate') return incoming.bytesOnDisk - bytesOnDiskOf(root, checkStop);
  const { stays, replaced } = incoming.meet(root, checkStop);
  if (limit > 0 && incoming.bytes + stays > limit) throw overLimit();
  return incoming.bytesOnDisk - replaced;
}

class Verification implements ArchiveListener {
  readonly #limit: number;
  readonly #selection: Selection;
  readonly #incoming: Incoming;

  /** Bytes, 0 = none. */
  constructor(limit: number, selection: Selection, incoming: Incoming) {
    this.#limit = limit;
    this.#selection = selection;
    this.#incoming = incoming;
  }

  entry(entry: ArchiveEntry): void {
    const wanted = this.#selection.wants(entry.path) === 'yes';
    if (entry.type === 'file') this.#file(entry, entry.size, wanted);
    else if (entry.type === 'hardlink') this.#copy(entry, wanted);
    else if (wanted && entry.type === 'directory') this.#incoming.directory(entry.path);
    else if (wanted && entry.type === 'symlink') this.#incoming.link(entry.path);
  }

  data(): void {}

  fileEnd(): void {}

  manifest(entry: ManifestEntry): void {
    if (this.#selection.wants(entry.path) !== 'yes') return;
    if (entry.type === 'directory') this.#incoming.directory(entry.path);
    else if (entry.type === 'symlink') this.#incoming.link(entry.path);
  }

  /** A link is restored as a copy, when what it is a copy of is wanted too. */
  #copy(entry: ArchiveEntry & { type: 'hardlink' }, wanted: boolean): void {
    const size = this.#incoming.sizeOf(entry.target);
    if (size === undefined) throw missingTarget(entry.name);
    this.#file(entry, size, wanted && this.#selection.wants(entry.target) === 'yes');
  }

  #file({ path }: ArchiveEntry, size: number, comes: boolean): void {
    this.#incoming.file(path, size, comes);
    if (this.#limit > 0 && this.#incoming.bytes > this.#limit) throw overLimit();
  }
}
