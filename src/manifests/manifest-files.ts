// The manifest directory as names and texts. Whatever lies there, reading it ends soon and with a bounded amount of
// memory: a device, a pipe that nobody writes to or a link out of the directory is refused, not followed.
import { constants } from 'node:fs';
import { type FileHandle, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { ManifestError } from './manifest-error.ts';

/** A manifest of one server has some 2 KiB. */
export const maxFileBytes = 1024 * 1024;

/** More servers than a machine runs. */
export const maxFiles = 4_096;

const manifestName = /^[^.].*\.(ya?ml|json)$/;

/** Names of the manifests in a directory, without its subdirectories, sorted. Names that begin with a dot are an editor's. @throws ManifestError */
export async function manifestNames(directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(directory)) {
      if (!manifestName.test(name)) continue;
      if (names.length === maxFiles) throw new ManifestError(`the directory holds more than ${maxFiles} manifests`);
      names.push(name);
    }
  } catch (cause) {
    if (cause instanceof ManifestError) throw cause;
    throw new ManifestError(`the manifest directory cannot be read: ${wordsOf(cause)}`, { cause });
  }
  return names.sort();
}

/** @throws ManifestError */
export async function readManifest(directory: string, name: string): Promise<string> {
  const bytes = await readBounded(join(directory, name));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ManifestError('the file is not UTF-8 text', { cause });
  }
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    // Without O_NONBLOCK, opening a pipe waits for its writer.
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (!(await file.stat()).isFile()) throw new ManifestError('only regular files are read');
    return await readAll(file);
  } catch (cause) {
    if (cause instanceof ManifestError) throw cause;
    throw new ManifestError(`the file cannot be read: ${wordsOf(cause)}`, { cause });
  }
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
  throw new ManifestError(`the file is larger than ${maxFileBytes} bytes`);
}

function wordsOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code === 'ELOOP') return 'it is a link, and only regular files are read';
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'ENOTDIR') return 'it is not a directory';
  if (code === 'EACCES') return 'permission denied';
  return String(code ?? message);
}
