// Which entries of an archive are wanted: all, or those at and below some paths.
import { type EntryPath, entryPath, shown } from '../read/entry-path.ts';
import { ArchiveError } from '../runner.ts';

interface Node {
  /** This and all below it. */
  wanted: boolean;
  found: boolean;
  path: string;
  children: Map<string, Node>;
}

/** `parent`: a directory on the way to something wanted. */
export type Wanted = 'yes' | 'parent' | 'no';

export class Selection {
  readonly #all: boolean;
  readonly #top: Node = node('');
  readonly #wanted: Node[] = [];

  /** Relative, `/` between components; none at all = everything. @throws ArchiveError UNSAFE_NAME, TOO_DEEP */
  constructor(paths: readonly string[]) {
    const parsed = paths.map((path) => ({ path, names: entryPath(Buffer.from(path), true) }));
    this.#all = parsed.every(({ names }) => names.length === 0);
    for (const { path, names } of parsed) this.#add(path, names);
  }

  wants(path: EntryPath): Wanted {
    if (this.#all) return 'yes';
    let at: Node | undefined = this.#top;
    for (const name of path) {
      at = at.children.get(name.toString('latin1'));
      if (!at) return 'no';
      if (at.wanted) {
        at.found = true;
        return 'yes';
      }
    }
    return 'parent';
  }

  /** Something was there for each path. @throws ArchiveError NOT_FOUND that names one */
  checkFound(): void {
    const missing = this.#wanted.find(({ found }) => !found);
    if (missing) throw new ArchiveError('NOT_FOUND', `the archive has no ${shown(Buffer.from(missing.path))}`);
  }

  #add(path: string, names: EntryPath): void {
    let at = this.#top;
    for (const name of names) {
      const key = name.toString('latin1');
      const next = at.children.get(key) ?? node(path);
      at.children.set(key, next);
      at = next;
    }
    at.path = path;
    if (at === this.#top) return;
    at.wanted = true;
    this.#wanted.push(at);
  }
}

function node(path: string): Node {
  return { wanted: false, found: false, path, children: new Map() };
}
