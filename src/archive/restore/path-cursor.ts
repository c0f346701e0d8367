// The directory that a path is in, for many paths one after another: what is open of the way already stays open. Nothing
// on the way is followed if it is a link.
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { EntryPath } from '../read/entry-path.ts';

type Step = (parent: OpenDirectory, name: Buffer, level: number) => OpenDirectory | undefined;

const enter: Step = (parent, name) => parent.enter(name);

export class PathCursor implements Disposable {
  readonly #top: OpenDirectory;
  readonly #chain: { name: Buffer; directory: OpenDirectory }[] = [];

  /** The top stays the caller's. */
  constructor(top: OpenDirectory) {
    this.#top = top;
  }

  /**
   * The directory that the first `depth` names lead to, valid until the next call; `undefined` when `step` has none for a
   * name. By itself a step only enters what is there.
   */
  to(path: EntryPath, depth: number, step: Step = enter): OpenDirectory | undefined {
    let level = 0;
    for (; level < depth && level < this.#chain.length; level++) {
      const name = path[level];
      if (!name || !this.#chain[level]?.name.equals(name)) break;
    }
    this.leave(level);
    let directory = this.#chain.at(-1)?.directory ?? this.#top;
    for (const name of path.slice(level, depth)) {
      const next = step(directory, name, level++);
      if (!next) return undefined;
      this.#chain.push({ name, directory: next });
      directory = next;
    }
    return directory;
  }

  /** What is open below so many levels may be gone; it is looked up anew. */
  leave(levels: number): void {
    while (this.#chain.length > levels) this.#chain.pop()?.directory[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.leave(0);
  }
}
