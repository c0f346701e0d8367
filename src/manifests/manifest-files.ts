// The manifest directory as names and texts. Whatever lies there, reading it ends soon and with a bounded amount of
// memory: a device, a pipe that nobody writes to or a link out of the directory is refused, not followed.
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ManifestError } from './manifest-error.ts';

/** A manifest of one server has some 2 KiB. */
export const maxFileBytes = 1024 * 1024;

/** More servers than a machine runs. */
export const maxFiles = 4_096;

const manifestName = /^[^.].*\.(ya?ml|json)$/;

export interface Listing {
  /** Sorted. */
  names: string[];
  device: bigint;
  /** Another one when another directory was put in its place. An inode number alone is given away again at once. */
  identity: string;
}

/** Which state of a file it is: equal only when nobody touched it in between. */
export interface FileFacts {
  signature: string;
  bytes: number;
  /** ms since the epoch: the last write, rename or change of mode. */
  touchedAt: number;
}

/** The manifests in a directory, without its subdirectories. Names that begin with a dot are an editor's. @throws ManifestError */
export async function listManifests(directory: string): Promise<Listing> {
  const names: string[] = [];
  try {
    const { dev: device, ino, birthtimeNs } = await stat(directory, { bigint: true });
    for await (const { name } of await opendir(directory)) {
      if (!manifestName.test(name)) continue;
      if (names.length === maxFiles) throw new ManifestError(`the directory holds more than ${maxFiles} manifests`);
      names.push(name);
    }
    return { names: names.sort(), device, identity: `${device}:${ino}:${birthtimeNs}` };
  } catch (cause) {
    if (cause instanceof ManifestError) throw cause;
    throw new ManifestError(`the manifest directory cannot be read: ${wordsOf(cause)}`, { cause });
  }
}

/** Undefined when it is gone. @throws ManifestError */
export async function factsOf(directory: string, name: string): Promise<FileFacts | undefined> {
  return unlessGone(async () => {
    const found = await lstat(join(directory, name), { bigint: true });
    if (found.isSymbolicLink())
      throw new ManifestError('the file cannot be read: it is a link, and links are not followed');
    return factsIn(found);
  });
}

/** The text, and of which state of the file it is; undefined when it is gone. @throws ManifestError */
export async function readManifest(
  directory: string,
  name: string,
): Promise<{ text: string; facts: FileFacts } | undefined> {
  return unlessGone(async () => {
    // Without O_NONBLOCK, opening a pipe waits for its writer.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    await using file = await open(join(directory, name), flags);
    factsIn(await file.stat({ bigint: true }));
    const bytes = await readAll(file);
    return { text: textOf(bytes), facts: factsIn(await file.stat({ bigint: true })) };
  });
}

async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof ManifestError) throw cause;
    if ((cause as { code?: unknown }).code === 'ENOENT') return undefined;
    throw new ManifestError(`the file cannot be read: ${wordsOf(cause)}`, { cause });
  }
}

function factsIn(found: BigIntStats): FileFacts {
  if (!found.isFile()) throw new ManifestError('only regular files are read');
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = found;
  if (size > maxFileBytes) throw tooLarge();
  return {
    signature: [dev, ino, size, mtimeNs, ctimeNs].join(':'),
    bytes: Number(size),
    touchedAt: Number(ctimeMs),
  };
}

/** The size is found out by reading, because a file may grow meanwhile. */
async function readAll(file: FileHandle): Promise<Buffer> {
  const buffer = Buffer.alloc(maxFileBytes + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
  throw tooLarge();
}

function tooLarge(): ManifestError {
  return new ManifestError(`the file is larger than ${maxFileBytes} bytes`);
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ManifestError('the file is not UTF-8 text', { cause });
  }
}

function wordsOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'ELOOP') return 'it is a link, and links are not followed';
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'ENOTDIR') return 'it is not a directory';
  if (code === 'EACCES') return 'permission denied';
  return String(code ?? message);
}
