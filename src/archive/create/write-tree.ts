// The loop of the archiver: blocks are filled by this thread, compressed by others and written in their order. What is left
// of its time, and a share of it while there is none left, goes into counting how much there will be.
import { availableParallelism } from 'node:os';
import { setImmediate as turn } from 'node:timers/promises';
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { Job } from '../job.ts';
import type { ManifestHead } from '../manifest-format.ts';
import { memberBytes } from '../member-format.ts';
import type { CreatePlan } from '../plan.ts';
import { tarEndBytes } from '../tar-format.ts';
import { type Block, gzipBlock, zstdBlock } from './compressor.ts';
import { EntryHeader } from './entry-header.ts';
import { ManifestWriter } from './manifest-writer.ts';
import { MemberWriter } from './member-writer.ts';
import type { PartialFile } from './partial-file.ts';
import { type SourceCounts, TarSource } from './tar-source.ts';
import { Total } from './total.ts';

/** This thread serves timers and cancels at least as often. */
const sliceMs = 20;

/** Compressed at a time; what more processors could do is the games'. */
const mostAtATime = 4;
/** One is filled and one is written while others are compressed. */
const blocksBeside = 2;

/** Of the time that filling a block took, while there is no idle time to count in; at most so many ms at once. */
const countingShare = 0.5;
const countingMs = 5;

export interface TreeWriting {
  plan: CreatePlan;
  job: Job;
  root: OpenDirectory;
  file: PartialFile;
  head: ManifestHead;
  /** Rules for what is not archived; `undefined`: everything is. */
  ignores: ((path: Buffer) => boolean) | undefined;
}

export interface TreeWritten extends SourceCounts {
  /** More files had other names than could be kept track of; the manifest lacks some of them. */
  groupsOverflowed: boolean;
}

/** The whole tar stream is in the file afterwards. @throws ArchiveError, the signal's reason, what the system says */
export async function writeTree(writing: TreeWriting): Promise<TreeWritten> {
  const { plan, job, root, file, head, ignores } = writing;
  const { progress, clock } = job;
  using manifest = new ManifestWriter(head, `${file.path.slice(0, -'.partial'.length)}-manifest.partial`);
  using source = new TarSource({ root, ignores, posix: plan.tarEntries === 'posix', manifest, progress });
  using total = new Total({ root, ignores, knownBytes: plan.knownBytes, progress, clock });
  const writer = new MemberWriter(file, makeBlocks(plan, job));
  try {
    const filling = new Filling(job, writer, total);
    await filling.pourTree(source, manifest);
    const { bytes: tarBytes, crc } = await filling.cut();
    const tail = { ...source.counts, tarBytes, tarCrc32: crc.toString(16).padStart(8, '0') };
    const header = new EntryHeader();
    for await (const record of manifest.finish(tail)) {
      header.writeGlobal([record]);
      await filling.pour(header.buffer.subarray(0, header.bytes));
    }
    await filling.pour(Buffer.alloc(tarEndBytes));
    await filling.cut();
    return { ...source.counts, groupsOverflowed: source.groupsOverflowed };
  } finally {
    // Threads work in the memory of the blocks until they are done.
    await writer.settled();
  }
}

function makeBlocks(plan: CreatePlan, job: Job): Block[] {
  const make = plan.format === 'gzip' ? () => gzipBlock(job.gzip, plan.level) : () => zstdBlock(plan.level);
  return Array.from({ length: Math.min(mostAtATime, availableParallelism()) + blocksBeside }, make);
}

class Filling {
  readonly #job: Job;
  readonly #writer: MemberWriter;
  readonly #total: Total;
  #block: Block | undefined;
  #bytes = 0;

  constructor(job: Job, writer: MemberWriter, total: Total) {
    this.#job = job;
    this.#writer = writer;
    this.#total = total;
  }

  async pourTree(source: TarSource, manifest: ManifestWriter): Promise<void> {
    const { clock, signal } = this.#job;
    while (!source.done) {
      const { input } = await this.#current();
      const start = clock.monotonic();
      this.#bytes = source.fill(input, this.#bytes, () => clock.monotonic() - start > sliceMs);
      if (this.#bytes === memberBytes) this.#submit();
      if (manifest.isBehind) await manifest.settled();
      this.#total.work(Math.min(countingMs, (clock.monotonic() - start) * countingShare));
      // Finished members are written, and a cancel is heard, while this thread lets go.
      await turn();
      signal.throwIfAborted();
    }
    // The archive is nearly whole: nobody needs to know any more how much it would become.
    this.#total[Symbol.dispose]();
  }

  async pour(data: Buffer): Promise<void> {
    for (let at = 0; at < data.length; ) {
      const { input } = await this.#current();
      const copied = data.copy(input, this.#bytes, at);
      at += copied;
      this.#bytes += copied;
      if (this.#bytes === memberBytes) this.#submit();
    }
  }

  /** Ends the member here. Answers length and CRC-32 of the tar stream so far, all of which is written. */
  async cut(): Promise<{ bytes: number; crc: number }> {
    if (this.#block && this.#bytes > 0) this.#submit();
    await this.#writer.drained();
    return this.#writer.tar;
  }

  async #current(): Promise<Block> {
    for (;;) {
      this.#block ??= this.#writer.take();
      if (this.#block) return this.#block;
      this.#job.signal.throwIfAborted();
      if (this.#total.isActive) {
        this.#total.work(1);
        await turn();
      } else {
        await this.#writer.changed();
      }
    }
  }

  #submit(): void {
    if (this.#block) this.#writer.submit(this.#block, this.#bytes);
    this.#block = undefined;
    this.#bytes = 0;
  }
}
