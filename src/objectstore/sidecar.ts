// Reads the small file beside an archive that says what the archive is. It is written before the archive gets its name,
// so where both are and agree, the archive is whole.
import { constants, open } from 'node:fs/promises';
import type { Sidecar } from '../archive/sidecar.ts';

/** Far above what one is. */
const maxBytes = 65_536;

/**
 * `undefined`: there is none, or it is not one that this version understands.
 * @throws what the system says when it is there and cannot be read
 */
export async function readSidecar(path: string): Promise<Sidecar | undefined> {
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile() || stat.size > maxBytes) return undefined;
    return parsed(await file.readFile('utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
    throw error;
  }
}

function parsed(text: string): Sidecar | undefined {
  let value: Record<string, unknown> | null;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value?.version !== 1) return undefined;
  const checksum = value.checksum as Sidecar['checksum'] | undefined;
  const texts = ['server', 'backup', 'operation', 'created', 'daemonVersion'].every(
    (key) => typeof value[key] === 'string',
  );
  const counts = ['size', 'entries', 'contentBytes', 'changed', 'skipped'].every((key) => isCount(value[key]));
  const rest =
    checksum?.type === 'sha1' &&
    /^[0-9a-f]{40}$/.test(checksum.value) &&
    (value.format === 'gzip' || value.format === 'zstd') &&
    typeof value.verified === 'boolean';
  return texts && counts && rest ? (value as unknown as Sidecar) : undefined;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
