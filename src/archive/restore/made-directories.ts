// Which directories a merge in place has made: these become what the archive says they are like, and no other is changed.
// Written down in the staging directory before each is made, because after a crash the same work finds them there already.
// A power cut may lose the last of them, which then keep the mode of new directories.
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { OpenDirectory } from '../../volumes/open-directory.ts';
import type { EntryPath } from '../read/entry-path.ts';
import { joined } from './deferred.ts';
import { readPathsOf } from './move-list.ts';
import { NameTable } from './name-table.ts';

const listName = Buffer.from('made');
const zero = Buffer.alloc(1);

export class MadeDirectories implements Disposable {
  readonly #known = new NameTable();
  readonly #fd: number;

  /** Knows those of the tries before this one. */
  constructor(staging: OpenDirectory) {
    for (const path of readPathsOf(staging, listName)) this.#known.set(joined(path), 1);
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW } = constants;
    this.#fd = openSync(`/proc/self/fd/${staging.fd}/${listName}`, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
  }

  has(path: EntryPath): boolean {
    return this.#known.get(joined(path)) !== undefined;
  }

  /** @throws what the system refuses */
  add(path: EntryPath): void {
    const name = joined(path);
    if (this.#known.get(name) !== undefined) return;
    writeSync(this.#fd, Buffer.concat([name, zero]));
    this.#known.set(name, 1);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
