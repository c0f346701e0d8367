// What the kube API reads archives from, pretended: one archive of given bytes, and a job that does as the test says.
import { Readable, type Writable } from 'node:stream';
import type { PathFacts, ReadPathPlan } from '../../src/archive/plan.ts';
import type { ArchiveAccess } from '../../src/http/kube/archives/access.ts';
import type { ArchiveKey, StoredArchive } from '../../src/objectstore/object-store.ts';

export interface PretendedJob {
  plan: ReadPathPlan;
  output: Writable;
  signal: AbortSignal;
  onFound: (facts: PathFacts) => void;
  /** Settles the promise of the runner. */
  end(error?: Error): void;
}

export class ArchiveDoor implements ArchiveAccess {
  /** By uuid of the backup. */
  readonly archives = new Map<string, Buffer>();
  readonly jobs: PretendedJob[] = [];
  /** Bytes that were asked of an archive, over all reads. */
  bytesRead = 0;
  openReads = 0;
  /** Called for each job; default: it waits for the test. */
  onJob: (job: PretendedJob) => void = () => {};

  readonly objects = {
    stat: async (key: ArchiveKey): Promise<StoredArchive | undefined> => {
      const bytes = this.archives.get(key.backup);
      return bytes && { key, size: bytes.length, modifiedAt: 0 };
    },
    read: async (key: ArchiveKey, range?: { start: number; end: number }): Promise<Readable> => {
      const bytes = this.archives.get(key.backup) ?? Buffer.alloc(0);
      const { start, end } = range ?? { start: 0, end: bytes.length - 1 };
      let at = start;
      this.openReads += 1;
      const stream: Readable = new Readable({
        read: (size) => {
          const piece = bytes.subarray(at, Math.min(at + size, end + 1));
          at += piece.length;
          this.bytesRead += piece.length;
          stream.push(piece.length > 0 ? piece : null);
        },
        destroy: (error, done) => {
          this.openReads -= 1;
          done(error);
        },
      });
      return stream;
    },
    pathOf: async ({ backup }: ArchiveKey): Promise<string | undefined> => {
      return this.archives.has(backup) ? `/archives/${backup}.tar.gz` : undefined;
    },
  };

  readonly runner = {
    readPath: (
      plan: ReadPathPlan,
      output: Writable,
      { signal, onFound }: { signal: AbortSignal; onFound: (facts: PathFacts) => void },
    ): Promise<void> => {
      return new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
        const job = { plan, output, signal, onFound, end: (error?: Error) => (error ? reject(error) : resolve()) };
        this.jobs.push(job);
        this.onJob(job);
      });
    },
  };
}
