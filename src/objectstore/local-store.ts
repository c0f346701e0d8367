// Archives in a directory of this node: files of mode 0600 in directories of mode 0700, named by checked uuids alone. A
// name appears when everything behind it is on disk, so no reader ever sees half an archive.
import { randomBytes } from 'node:crypto';
import { constants, createWriteStream, type Stats } from 'node:fs';
import { lstat, mkdir, open, opendir, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Sidecar, sidecarPath } from '../archive/sidecar.ts';
import { syncDirectory } from '../volumes/write-durable.ts';
import {
  type ArchiveLayout,
  archivePath,
  checkKey,
  directoryOf,
  isUuid,
  nameInfo,
  partialName,
} from './archive-names.ts';
import { explained, isMissing } from './local-errors.ts';
import { type ArchiveKey, type ObjectStore, ObjectStoreError, type StoredArchive } from './object-store.ts';
import { readSidecar } from './sidecar.ts';

export interface LocalObjectStoreOptions {
  directory: string;
  /** Of new archives; both are read. */
  layout: ArchiveLayout;
}

/** Where a job may write an archive. While it is held, the directory stays although it may be empty. */
export interface ArchivePlace extends Disposable {
  /** Final path; the job makes partial files beside it. */
  path: string;
}

const layouts = ['per_server', 'flat'] as const;

export class LocalObjectStore implements ObjectStore {
  readonly directory: string;
  readonly #layout: ArchiveLayout;
  /** Directories in which somebody is about to write, with how many do. */
  readonly #places = new Map<string, number>();

  constructor({ directory, layout }: LocalObjectStoreOptions) {
    this.directory = directory;
    this.#layout = layout;
  }

  /** For a job that writes the archive where it belongs, without `put`. @throws ObjectStoreError */
  async place(key: ArchiveKey): Promise<ArchivePlace> {
    checkKey(key);
    const path = archivePath(this.directory, this.#layout, key);
    const directory = dirname(path);
    this.#places.set(directory, (this.#places.get(directory) ?? 0) + 1);
    const leave = () => {
      const others = (this.#places.get(directory) ?? 1) - 1;
      if (others > 0) this.#places.set(directory, others);
      else this.#places.delete(directory);
    };
    try {
      await explained('kept', () => this.#makeDirectory(directory));
    } catch (error) {
      leave();
      throw error;
    }
    return { path, [Symbol.dispose]: leave };
  }

  /** The file of an archive that is there, in whichever layout. @throws ObjectStoreError */
  async pathOf(key: ArchiveKey): Promise<string | undefined> {
    return (await this.#find(key))?.path;
  }

  /** What the archive says of itself; `undefined` when there is none or it does not say, as those of Wings. */
  async sidecar(key: ArchiveKey): Promise<Sidecar | undefined> {
    const path = await this.pathOf(key);
    return path === undefined ? undefined : explained('read', () => readSidecar(sidecarPath(path)));
  }

  async stat(key: ArchiveKey): Promise<StoredArchive | undefined> {
    const found = await this.#find(key);
    return found && storedArchive(key, found.stat);
  }

  async read(key: ArchiveKey, range?: { start: number; end: number }): Promise<Readable> {
    const path = await this.pathOf(key);
    if (path === undefined) throw new ObjectStoreError('NOT_FOUND', 'There is no such archive.');
    return explained('read', async () => {
      // The descriptor outlives the name: what is deleted meanwhile is read to its end.
      const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      return file.createReadStream({ autoClose: true, ...range });
    });
  }

  async put(
    key: ArchiveKey,
    file: string,
    { signal, onBytes }: { signal: AbortSignal; onBytes?: (sent: number) => void },
  ): Promise<void> {
    using place = await this.place(key);
    signal.throwIfAborted();
    const size = await sizeOf(file);
    if (size === undefined) {
      if (await this.stat(key)) return; // Taken over before a crash.
      throw new ObjectStoreError('NOT_FOUND', 'There is no such archive.');
    }
    if (file === place.path) return;
    await explained('kept', async () => {
      // The sidecar first: an archive is whole from the moment it has its name.
      if ((await sizeOf(sidecarPath(file))) !== undefined)
        await this.#takeOver(sidecarPath(file), sidecarPath(place.path), key, signal);
      await this.#takeOver(file, place.path, key, signal, onBytes);
      await syncDirectory(dirname(place.path));
    });
    onBytes?.(size);
  }

  async delete(key: ArchiveKey): Promise<boolean> {
    checkKey(key);
    let found = false;
    for (const layout of layouts) {
      const path = archivePath(this.directory, layout, key);
      if (layout === 'flat' && !(await this.#belongs(path, key.server))) continue;
      found = (await explained('removed', () => this.#remove(path))) || found;
    }
    return found;
  }

  /** Unfinished files of a backup, of whichever attempt. Nobody may be at work on it. */
  async removePartials(key: ArchiveKey): Promise<void> {
    checkKey(key);
    for (const layout of layouts) {
      const directory = directoryOf(this.directory, layout, key.server);
      for (const name of await namesIn(directory)) {
        const info = nameInfo(name);
        if (info?.backup !== key.backup || !['partial', 'unfinished-sidecar'].includes(info.is)) continue;
        await explained('removed', () => rm(join(directory, name), { force: true }));
      }
      await explained('removed', () => this.#removeEmpty(directory));
    }
  }

  /** Everything in the directory of a server, and the directory, once the server is gone for good. */
  async deleteServer(server: string): Promise<void> {
    if (!isUuid(server)) throw new ObjectStoreError('BAD_KEY', 'not the uuid of a server');
    for await (const { key } of this.list(server)) await this.delete(key);
    const directory = directoryOf(this.directory, 'per_server', server);
    await explained('removed', async () => {
      await rm(directory, { recursive: true, force: true });
      await syncDirectory(this.directory).catch((error) => {
        // No archive was ever made on this node.
        if (!isMissing(error)) throw error;
      });
    });
  }

  async *list(server?: string): AsyncIterable<StoredArchive> {
    if (server !== undefined && !isUuid(server)) throw new ObjectStoreError('BAD_KEY', 'not the uuid of a server');
    const servers = server === undefined ? (await namesIn(this.directory)).filter(isUuid) : [server];
    for (const one of servers) {
      for (const name of await namesIn(join(this.directory, one))) {
        const info = nameInfo(name);
        if (info?.is !== 'archive') continue;
        const key = { server: one, backup: info.backup };
        const stat = await statOf(archivePath(this.directory, 'per_server', key));
        if (stat) yield storedArchive(key, stat);
      }
    }
    yield* this.#listFlat(server);
  }

  /** Of these only the sidecar knows the server; those of Wings without one are found by their key alone. */
  async *#listFlat(server?: string): AsyncIterable<StoredArchive> {
    for (const name of await namesIn(this.directory)) {
      const info = nameInfo(name);
      if (info?.is !== 'archive') continue;
      const path = join(this.directory, name);
      const sidecar = await explained('read', () => readSidecar(sidecarPath(path)));
      if (!sidecar || !isUuid(sidecar.server) || (server !== undefined && sidecar.server !== server)) continue;
      const stat = await statOf(path);
      if (stat) yield storedArchive({ server: sidecar.server, backup: info.backup }, stat);
    }
  }

  async #find(key: ArchiveKey): Promise<{ path: string; stat: Stats } | undefined> {
    checkKey(key);
    for (const layout of layouts) {
      const path = archivePath(this.directory, layout, key);
      const stat = await statOf(path);
      if (stat && (layout === 'per_server' || (await this.#belongs(path, key.server)))) return { path, stat };
    }
    return undefined;
  }

  /** A flat archive names no server. One whose sidecar names another is not this server's. */
  async #belongs(path: string, server: string): Promise<boolean> {
    const sidecar = await explained('read', () => readSidecar(sidecarPath(path)));
    return sidecar === undefined || sidecar.server === server;
  }

  async #makeDirectory(directory: string): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 });
    if (directory === this.directory) return;
    try {
      await mkdir(directory, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      return;
    }
    await syncDirectory(this.directory);
  }

  /** The archive before its sidecar: a sidecar alone says nothing to anybody, an archive alone would be a stranger. */
  async #remove(path: string): Promise<boolean> {
    const directory = dirname(path);
    const found = await removed(path);
    const foundSidecar = await removed(sidecarPath(path));
    if (found || foundSidecar) await syncIfThere(directory);
    await this.#removeEmpty(directory);
    return found;
  }

  async #removeEmpty(directory: string): Promise<void> {
    if (directory === this.directory || this.#places.has(directory)) return;
    try {
      await rmdir(directory);
    } catch (error) {
      if (isMissing(error) || ['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) return;
      throw error;
    }
    await syncDirectory(this.directory);
  }

  /** Renames; from another file system copies under a partial name first. */
  async #takeOver(
    from: string,
    to: string,
    key: ArchiveKey,
    signal: AbortSignal,
    onBytes?: (sent: number) => void,
  ): Promise<void> {
    try {
      await rename(from, to);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    }
    const partial = join(dirname(to), partialName(key, randomBytes(8).toString('hex')));
    try {
      await copy(from, partial, signal, onBytes);
      await rename(partial, to);
    } catch (error) {
      await rm(partial, { force: true });
      throw error;
    }
    await rm(from, { force: true });
  }
}

async function copy(from: string, to: string, signal: AbortSignal, onBytes?: (sent: number) => void): Promise<void> {
  await using source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  let sent = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      sent += chunk.length;
      onBytes?.(sent);
      done(null, chunk);
    },
  });
  const sink = createWriteStream(to, { flags: 'wx', mode: 0o600, flush: true });
  await pipeline(source.createReadStream({ autoClose: false }), counted, sink, { signal });
}

function storedArchive(key: ArchiveKey, { size, mtimeMs }: Stats): StoredArchive {
  return { key: { server: key.server, backup: key.backup }, size, modifiedAt: Math.floor(mtimeMs) };
}

/** Of a regular file; anything else under such a name is none of ours. */
async function statOf(path: string): Promise<Stats | undefined> {
  return explained('read', async () => {
    try {
      const stat = await lstat(path);
      return stat.isFile() ? stat : undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  });
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await statOf(path))?.size;
}

/** Two who remove at the same time: the other one took the empty directory away. */
async function syncIfThere(directory: string): Promise<void> {
  try {
    await syncDirectory(directory);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function removed(path: string): Promise<boolean> {
  try {
    await rm(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Nothing when there is no such directory. */
async function namesIn(directory: string): Promise<string[]> {
  return explained('listed', async () => {
    const names: string[] = [];
    try {
      for await (const entry of await opendir(directory)) names.push(entry.name);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return names;
  });
}
