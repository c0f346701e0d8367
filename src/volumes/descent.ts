// The way down from a server's root to the directory that a path names, each step from the descriptor of the one before.
// A link on the way is read and followed by this code, beneath the root: one that is absolute, rises above the root or
// goes round in circles leads nowhere. Whatever is exchanged meanwhile, no step can leave the root.
import { maxNameBytes } from './entry-name.ts';
import { VolumeError } from './errors.ts';
import type { OpenDirectory } from './open-directory.ts';
import type { Owner } from './owner.ts';
import { isAbsolute, isParent, maxPathDepth, splitPath } from './server-path.ts';

/** In one path; as the kernel does it. */
const maxLinks = 40;

/** Links may name long ways; these are the names that are looked up for one path, links included. */
const maxSteps = 2_000;

/** An entry that keeps turning into something else is somebody's doing. */
const looksPerName = 5;

/** Of directories that are made on the way. */
const directoryMode = 0o755;

interface Ahead {
  name: Buffer;
  /** Nothing is made where a link says so. */
  fromLink: boolean;
}

interface Held {
  name: Buffer;
  directory: OpenDirectory;
}

export class Descent implements Disposable {
  readonly #root: OpenDirectory;
  /** Whom directories on the way are made for; without one none is made. */
  readonly #maker: Owner | undefined;
  readonly #held: Held[] = [];
  #links = 0;
  #steps = 0;

  private constructor(root: OpenDirectory, maker: Owner | undefined) {
    this.#root = root;
    this.#maker = maker;
  }

  /** @throws VolumeError NOT_FOUND, NOT_A_DIRECTORY, BAD_PATH, BUSY; what the system says */
  static to(names: readonly Buffer[], root: OpenDirectory, maker?: Owner): Descent {
    const descent = new Descent(root, maker);
    try {
      descent.#follow(names);
    } catch (error) {
      descent[Symbol.dispose]();
      throw error;
    }
    return descent;
  }

  /** Where it has come to; open as long as the descent is. */
  get here(): OpenDirectory {
    return this.#held.at(-1)?.directory ?? this.#root;
  }

  /** The names from the root to here, links resolved. */
  get names(): Buffer[] {
    return this.#held.map(({ name }) => name);
  }

  [Symbol.dispose](): void {
    while (this.#held.length > 0) this.#leave();
  }

  #follow(names: readonly Buffer[]): void {
    const ahead = names.map((name): Ahead => ({ name, fromLink: false })).reverse();
    for (let next = ahead.pop(); next; next = ahead.pop()) {
      this.#steps += 1;
      if (this.#steps > maxSteps) throw notFound();
      if (isParent(next.name)) {
        if (!this.#leave()) throw notFound();
        continue;
      }
      const target = this.#enter(next);
      if (target) ahead.push(...this.#namesOf(target).reverse());
    }
  }

  /** One level down; or what the link says that stands there. */
  #enter({ name, fromLink }: Ahead): Buffer | undefined {
    for (let look = 0; look < looksPerName; look++) {
      const directory = this.here.enter(name);
      if (directory) {
        this.#hold(name, directory);
        return undefined;
      }
      const target = this.here.readLink(name);
      if (target) return target;
      const stat = this.here.lstat(name);
      if (stat?.isDirectory() || stat?.isSymbolicLink()) continue;
      if (stat) throw new VolumeError('NOT_A_DIRECTORY', 'a file stands where a directory should be');
      if (!this.#maker || fromLink) throw notFound();
      const made = this.here.enterOrMake(name, directoryMode, this.#maker);
      if (made) {
        this.#hold(name, made);
        return undefined;
      }
    }
    throw new VolumeError('BUSY', 'an entry on the way keeps changing');
  }

  #namesOf(target: Buffer): Ahead[] {
    this.#links += 1;
    const names = splitPath(target);
    if (this.#links > maxLinks || isAbsolute(target)) throw notFound();
    if (names.some(({ length }) => length > maxNameBytes)) throw notFound();
    return names.map((name) => ({ name, fromLink: true }));
  }

  #hold(name: Buffer, directory: OpenDirectory): void {
    this.#held.push({ name, directory });
    if (this.#held.length > maxPathDepth) throw new VolumeError('BAD_PATH', 'the path is too deep');
  }

  #leave(): boolean {
    const last = this.#held.pop();
    last?.directory[Symbol.dispose]();
    return last !== undefined;
  }
}

function notFound(): VolumeError {
  return new VolumeError('NOT_FOUND', 'there is no such file or directory');
}
