// What a file system has left.
import { statfs } from 'node:fs/promises';

export interface FreeSpace {
  /** Bytes that the daemon may still write; what is reserved for root is not among them. */
  freeBytes: number;
  totalBytes: number;
}

/** Of the file system that `path` is on. */
export async function freeSpace(path: string): Promise<FreeSpace> {
  const { bsize, bavail, blocks } = await statfs(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
