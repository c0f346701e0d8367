// Clears away what a crash left in the backup directory: partial files and sidecars that belong to no work under way. An
// archive is never removed here: one that nobody knows is counted, because it may be all that somebody has.
import { lstat, opendir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { archiveBeside, isUuid, nameInfo } from './archive-names.ts';
import { explained, isMissing } from './local-errors.ts';
import { readSidecar } from './sidecar.ts';

export interface SweepResult {
  partials: number;
  sidecars: number;
  /** uuids of the backups whose archives are there. */
  archives: string[];
}

/** `isWorking`: an operation, as it names its partial files, that may still write them. @throws ObjectStoreError */
export async function sweepArchives(
  root: string,
  isWorking: (operation: string) => boolean,
  signal: AbortSignal,
): Promise<SweepResult> {
  const result: SweepResult = { partials: 0, sidecars: 0, archives: [] };
  await explained('listed', async () => {
    const directories = [root, ...(await namesIn(root)).filter(isUuid).map((name) => join(root, name))];
    for (const directory of directories) {
      signal.throwIfAborted();
      await sweep(directory, isWorking, result);
    }
  });
  return result;
}

async function sweep(directory: string, isWorking: (operation: string) => boolean, result: SweepResult): Promise<void> {
  const names = await namesIn(directory);
  const archives = new Set<string>();
  for (const name of names) {
    const info = nameInfo(name);
    if (info?.is === 'archive') archives.add(info.backup);
    if (info?.is !== 'partial' || isWorking(info.operation)) continue;
    await rm(join(directory, name), { force: true });
    result.partials += 1;
  }
  await sweepUnfinishedSidecars(directory, names, isWorking, result);
  for (const name of names) {
    const info = nameInfo(name);
    if (info?.is !== 'sidecar' || archives.has(info.backup)) continue;
    const path = join(directory, name);
    const sidecar = await readSidecar(path);
    // Its archive is about to get its name, or has got it meanwhile.
    if (!sidecar || isWorking(sidecar.operation) || (await exists(archiveBeside(path)))) continue;
    await rm(path, { force: true });
    result.sidecars += 1;
  }
  result.archives.push(...archives);
}

/** Who writes one has a partial file beside it. */
async function sweepUnfinishedSidecars(
  directory: string,
  names: readonly string[],
  isWorking: (operation: string) => boolean,
  result: SweepResult,
): Promise<void> {
  const infos = names.map((name) => ({ name, info: nameInfo(name) }));
  const atWork = new Set(
    infos.flatMap(({ info }) => (info?.is === 'partial' && isWorking(info.operation) ? [info.backup] : [])),
  );
  for (const { name, info } of infos) {
    if (info?.is !== 'unfinished-sidecar' || atWork.has(info.backup)) continue;
    await rm(join(directory, name), { force: true });
    result.sidecars += 1;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(directory)) names.push(entry.name);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return names;
}
