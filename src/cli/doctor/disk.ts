// Room on the file systems that the node writes to. The bounds of a warning are those of the condition DiskPressure.
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { stateDirectory } from '../node-access.ts';
import { bytesText } from '../units.ts';
import { type Check, type Finding, ok, problem, warning } from './finding.ts';

const lowShare = 0.05;
const lowBytes = 1024 ** 3;
/** Below this SQLite and Docker begin to fail. */
const emptyBytes = 64 * 1024 ** 2;
const lowFiles = 0.02;

export interface Space {
  freeBytes: number;
  totalBytes: number;
  /** 0 of 0 on file systems without such a bound. */
  freeFiles: number;
  totalFiles: number;
}

export const checkDisk: Check = async ({ config }) => {
  const { data, tmpDirectory, logDirectory } = config.system;
  const places = [...new Set([data, stateDirectory(config), tmpDirectory, logDirectory])];
  const found = (await Promise.all(places.map(async (place) => findingsOn(place, await spaceAt(place))))).flat();
  if (found.length > 0) return found;
  const space = await spaceAt(data);
  return [ok(`There is room: ${space ? bytesText(space.freeBytes) : 'unknown'} free for the servers`)];
};

export function findingsOn(place: string, space: Space | undefined): Finding[] {
  if (!space) return [];
  const { freeBytes, totalBytes, freeFiles, totalFiles } = space;
  const remedy = 'Delete what is not needed (docker system df, old backups and logs), or give it a larger disk.';
  const says = `${bytesText(freeBytes)} of ${bytesText(totalBytes)} are free at ${place}`;
  if (freeBytes < emptyBytes) return [problem(says, remedy)];
  if (totalFiles > 0 && freeFiles / totalFiles < lowFiles)
    return [
      problem(
        `The file system at ${place} can hold hardly any more files`,
        'Delete directories with many small files.',
      ),
    ];
  return freeBytes < lowBytes || freeBytes / totalBytes < lowShare ? [warning(says, remedy)] : [];
}

/** Of the nearest directory above that exists. */
async function spaceAt(path: string): Promise<Space | undefined> {
  try {
    const { bsize, blocks, bavail, files, ffree } = await statfs(path);
    return { freeBytes: bsize * bavail, totalBytes: bsize * blocks, freeFiles: ffree, totalFiles: files };
  } catch {
    return path === dirname(path) ? undefined : spaceAt(dirname(path));
  }
}
