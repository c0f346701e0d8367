// Reads an archive through and writes nothing, not even beside it: would it restore?
import type { Job } from '../job.ts';
import type { VerifiedFacts, VerifyPlan } from '../plan.ts';
import { type ArchiveEntry, type ArchiveListener, readArchive } from '../read/read-archive.ts';
import { overLimit } from './budget.ts';
import { joined } from './deferred.ts';
import { NameTable } from './name-table.ts';
import { missingTarget } from './unpack.ts';

/** @throws ArchiveError, the signal's reason */
export async function verify(plan: VerifyPlan, job: Job): Promise<VerifiedFacts> {
  const { archive, checksum, readLimit, limits } = plan;
  const expected = checksum === undefined ? {} : { checksum };
  const options = { archive, readLimit, hashed: true, mostEntries: limits.entries, ...expected };
  const facts = await readArchive(job, options, new Verification(limits.contentBytes));
  return {
    size: facts.size,
    checksum: facts.checksum ?? '',
    format: facts.format,
    entries: facts.files,
    contentBytes: facts.contentBytes,
    warnings: facts.warnings,
  };
}

class Verification implements ArchiveListener {
  readonly #limit: number;
  readonly #names = new NameTable();
  #bytes = 0;

  /** Bytes, 0 = none. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  entry(entry: ArchiveEntry): void {
    if (entry.type !== 'file' && entry.type !== 'hardlink') return;
    // A link is restored as a copy.
    const size = entry.type === 'file' ? entry.size : this.#names.get(joined(entry.target));
    if (size === undefined) throw missingTarget(entry.name);
    this.#names.set(joined(entry.path), size);
    this.#bytes += size;
    if (this.#limit > 0 && this.#bytes > this.#limit) throw overLimit();
  }

  data(): void {}

  fileEnd(): void {}

  manifest(): void {}
}
