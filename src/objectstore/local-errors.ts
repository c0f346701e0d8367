// What the system says about a file of the backup directory, in words that name no path of the host.
import { ObjectStoreError } from './object-store.ts';

/** Runs the work. `what` completes "could not be …". @throws ObjectStoreError, the signal's reason as it is */
export async function explained<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asObjectStoreError(what, error);
  }
}

export function asObjectStoreError(what: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === undefined) return error;
  const options = { cause: error };
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new ObjectStoreError('NOT_FOUND', 'There is no such archive.', options);
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new ObjectStoreError('NO_SPACE', 'There is no space left for backups on the node.', options);
  return new ObjectStoreError('FAILED', `The archive could not be ${what}: ${code}.`, options);
}

export function isMissing(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || !('syscall' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
