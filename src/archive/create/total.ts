// How much there will be to archive: a walk of its own beside the archiver, in short turns on the same thread, so that it
// costs no memory and no thread. It gives up after its budget and says what was known before.
import type { Clock } from '../../clock/clock.ts';
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { ArchiveProgress } from '../plan.ts';
import { TreeCursor } from './tree-cursor.ts';

/** What takes less is over before anybody reads a total. */
const startAfterMs = 250;
const budgetMs = 5000;

/** Entries between two looks at the clock. */
const entriesAtATime = 32;

export interface TotalOptions {
  root: OpenDirectory;
  ignores: ((path: Buffer) => boolean) | undefined;
  /** Bytes, 0 = not known: what is told when counting takes too long. */
  knownBytes: number;
  progress: ArchiveProgress;
  clock: Clock;
}

export class Total implements Disposable {
  readonly #options: TotalOptions;
  readonly #startAt: number;
  #cursor: TreeCursor | undefined;
  #counted = 0;
  #done = false;

  constructor(options: TotalOptions) {
    this.#options = options;
    this.#startAt = options.clock.monotonic() + startAfterMs;
  }

  /** It may still find out. */
  get isActive(): boolean {
    return !this.#done;
  }

  /** Counts for about so long, if there is anything to count now. @throws what the system says */
  work(ms: number): void {
    const { clock, root, ignores } = this.#options;
    const now = clock.monotonic();
    if (this.#done || now < this.#startAt) return;
    this.#cursor ??= new TreeCursor(root, { opensFiles: false, ignores });
    for (const until = now + ms; clock.monotonic() < until && !this.#done; ) this.#count(this.#cursor);
    if (!this.#done && clock.monotonic() >= this.#startAt + budgetMs) this.#giveUp();
  }

  [Symbol.dispose](): void {
    this.#cursor?.[Symbol.dispose]();
    this.#cursor = undefined;
    this.#done = true;
  }

  #count(cursor: TreeCursor): void {
    const { progress } = this.#options;
    for (let i = 0; i < entriesAtATime; i++) {
      if (!cursor.next()) {
        progress.bytesTotal = this.#counted;
        this[Symbol.dispose]();
        return;
      }
      if (cursor.kind === 'file') this.#counted += cursor.lstat()?.size ?? 0;
    }
  }

  /** What is known, but not less than was seen. */
  #giveUp(): void {
    const { knownBytes, progress } = this.#options;
    progress.bytesTotal = knownBytes === 0 ? 0 : Math.max(knownBytes, this.#counted);
    this[Symbol.dispose]();
  }
}
