// Changes values in config.yml on disk. The new file is complete before it takes the place of the old one; where that
// cannot be – the file is a mount point, or its directory may not be written – it is written over in place, and
// has its old text when that fails. The mode is 0600 afterwards. Nothing is written when nothing changes.
import { type FileHandle, open, realpath, stat } from 'node:fs/promises';
import { writeDurable } from '../volumes/write-durable.ts';
import { ConfigError } from './config-error.ts';
import { readConfigFile } from './config-file.ts';
import { editYaml, type YamlChange } from './edit-yaml.ts';
import { writeInPlace } from './write-in-place.ts';

export type WriteResult = 'written' | 'unchanged' | 'read-only';

export interface WriteOptions {
  warn(message: string): void;
  /** Stands in for the file system in tests. */
  replace?: typeof writeDurable;
}

/** The file is a mount point, its directory is elsewhere, closed or read-only: in place it may still work. */
const onlyInPlace = new Set(['EBUSY', 'EXDEV', 'EACCES', 'EPERM', 'EROFS']);

/** The file as it is now is changed, whatever was read before. @throws ConfigError when it cannot be read, changed or written */
export async function writeConfig(
  path: string,
  changes: readonly YamlChange[],
  { warn, replace = writeDurable }: WriteOptions,
): Promise<WriteResult> {
  const file = await realpath(path).catch(() => path); // a link stays one
  const text = await readConfigFile(file, { secret: true, warn });
  if (text === undefined) throw new ConfigError(`The configuration file ${path} is not there any more.`);
  const edited = editYaml(path, text, changes);
  if (edited === text) return 'unchanged';
  try {
    const { uid, gid } = await stat(file);
    await replace(file, edited, { mode: 0o600, ...(uid === process.geteuid?.() ? {} : { owner: { uid, gid } }) });
    return 'written';
  } catch (error) {
    if (!onlyInPlace.has(codeOf(error))) throw cannotWrite(path, error);
  }
  return overwrite(path, file, edited);
}

async function overwrite(path: string, file: string, text: string): Promise<WriteResult> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file, 'r+');
    await writeInPlace(handle, Buffer.from(text));
    return 'written';
  } catch (error) {
    if (codeOf(error) === 'EROFS') return 'read-only';
    throw cannotWrite(path, error);
  } finally {
    await handle?.close();
  }
}

function codeOf(error: unknown): string {
  const { code, cause } = error as NodeJS.ErrnoException;
  return code ?? (cause as NodeJS.ErrnoException | undefined)?.code ?? '';
}

const outOfRoom = new Set(['ENOSPC', 'EDQUOT']);

function cannotWrite(path: string, error: unknown): ConfigError {
  const advice = outOfRoom.has(codeOf(error))
    ? 'its file system is full, so make room on it'
    : 'let the user of the daemon write it';
  return new ConfigError(`The configuration file ${path} cannot be written (${(error as Error).message}); ${advice}.`, {
    cause: error,
  });
}
