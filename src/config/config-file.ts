// Reading files of settings: bounded, regular files only, and closed to other users when they hold a secret.
import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { ConfigError } from './config-error.ts';

/** Far more than any node's settings; what is larger is a mistake. */
const maxBytes = 1024 * 1024;

export interface SecretFileOptions {
  /** Nobody but the owner may read or write it; a file that is more open is closed and `warn` told. */
  secret: boolean;
  warn(message: string): void;
}

/** `undefined`: there is no such file. @throws ConfigError when it cannot be read, is too large or is not text */
export async function readConfigFile(path: string, { secret, warn }: SecretFileOptions): Promise<string | undefined> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new ConfigError(`The file ${path} cannot be read (${message}); let the user of the daemon read it.`, {
      cause: error,
    });
  }
  try {
    const facts = await file.stat();
    if (!facts.isFile())
      throw new ConfigError(`The path ${path} is not a regular file; name the file with the settings.`);
    if (facts.size > maxBytes) {
      throw new ConfigError(
        `The file ${path} has ${facts.size} bytes, which is more than the ${maxBytes} that settings may have.`,
      );
    }
    if (secret) await closeToOthers(file, path, facts.mode, warn);
    const { bytesRead, buffer } = await file.read(Buffer.alloc(maxBytes + 1), 0, maxBytes + 1, 0);
    if (bytesRead > maxBytes)
      throw new ConfigError(`The file ${path} has more than ${maxBytes} bytes, which settings may not have.`);
    return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, bytesRead));
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    if (error instanceof TypeError) {
      throw new ConfigError(`The file ${path} is not UTF-8 text; save it as UTF-8.`, { cause: error });
    }
    throw new ConfigError(`The file ${path} cannot be read (${(error as Error).message}).`, { cause: error });
  } finally {
    await file.close();
  }
}

async function closeToOthers(
  file: FileHandle,
  path: string,
  mode: number,
  warn: (message: string) => void,
): Promise<void> {
  if ((mode & 0o077) === 0) return;
  const before = (mode & 0o777).toString(8).padStart(4, '0');
  try {
    await file.chmod(0o600);
    warn(`The file ${path} holds the node's token and was open to other users (mode ${before}); its mode is 0600 now.`);
  } catch (error) {
    warn(
      `The file ${path} holds the node's token and is open to other users (mode ${before}), and its mode cannot be changed: ${(error as Error).message}`,
    );
  }
}
