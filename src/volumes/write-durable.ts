// The one way to write a file that must survive a crash or a power cut: whoever reads the name finds the old content or
// the new one, whole, at any time. The directory must not be writable by others.
import { randomBytes } from 'node:crypto';
import { constants, type FileHandle, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface DurableWriteOptions {
  /** Of the new file, whatever the umask. Default 0600. */
  mode?: number;
  owner?: { uid: number; gid: number };
}

/** @throws what the system says; the old content is in place then */
export async function writeDurable(
  path: string,
  data: string | Uint8Array,
  options: DurableWriteOptions = {},
): Promise<void> {
  const directory = dirname(path);
  const temporary = join(directory, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeNew(temporary, data, options);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(directory);
}

/** Makes the creation, renaming and removal of names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync();
}

async function writeNew(path: string, data: string | Uint8Array, options: DurableWriteOptions): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  await using file: FileHandle = await open(path, flags, 0o600);
  await file.writeFile(data);
  await file.chmod(options.mode ?? 0o600);
  if (options.owner) await file.chown(options.owner.uid, options.owner.gid);
  await file.sync();
}
