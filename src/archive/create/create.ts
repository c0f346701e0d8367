// Makes an archive, in this order: the partial file grows, is on the disk, is read back; the sidecar is durable; the archive
// gets its name. Whatever ends it before that, also a cancel, leaves nothing behind.
import { rename, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { timestamp } from '../../clock/clock.ts';
import { errorCode } from '../../volumes/errors.ts';
import { readIgnoreFile } from '../../volumes/ignore-file.ts';
import { compileIgnoreRules } from '../../volumes/ignore-rules.ts';
import { OpenDirectory } from '../../volumes/open-directory.ts';
import { syncDirectory } from '../../volumes/write-durable.ts';
import type { Job } from '../job.ts';
import { manifestVersion } from '../manifest-format.ts';
import type { ArchiveFacts, CreatePlan } from '../plan.ts';
import { ArchiveError } from '../runner.ts';
import { writeSidecar } from '../sidecar.ts';
import { asArchiveError } from '../system-failure.ts';
import { maxArchiveDepth } from '../tar-format.ts';
import { asWriteError, PartialFile } from './partial-file.ts';
import { readBack } from './read-back.ts';
import { writeTree } from './write-tree.ts';

/** With less free space nothing is begun. */
const leastFreeBytes = 64 * 1024 * 1024;
/** With less free space than this part of what was archived, people should know. */
const warnBelowPart = 0.1;

/** @throws ArchiveError, the signal's reason */
export async function createArchive(plan: CreatePlan, job: Job): Promise<ArchiveFacts> {
  const { signal, clock } = job;
  const { server, backup, operation, daemonVersion, format } = plan;
  signal.throwIfAborted();
  using root = openRoot(plan.root);
  const directory = dirname(plan.archive);
  const partial = join(directory, `.${backup}.${operation}.partial`);
  await using file = new PartialFile(partial, { writeLimit: plan.writeLimit, clock, signal });
  const freeBytes = await checkSpace(directory);
  const created = timestamp(clock);
  const head = { version: manifestVersion, server, backup, operation, created, daemonVersion };
  const { ignores, warnings: ruleWarnings } = rulesOf(plan, root);
  const counts = await reading(() => writeTree({ plan, job, root, file, head, ignores }));
  const checksum = await file.finish();
  job.checkpoint?.('create:written');

  const { entries, contentBytes, changed, skipped } = counts;
  const { size } = file;
  const warnings = [
    ...ruleWarnings,
    ...(counts.groupsOverflowed ? ['not every hard link is remembered as one'] : []),
    ...(changed > 0 ? [`${changed} files shrank while they were read; the rest of them is zeros`] : []),
    ...(counts.tooDeep > 0 ? [`what is nested more than ${maxArchiveDepth} directories deep was left out`] : []),
    ...(freeBytes < contentBytes * warnBelowPart ? ['the file system of the backups is nearly full'] : []),
  ];
  job.progress.bytesTotal = job.progress.bytesDone;
  if (plan.verify) await readBack(job, partial, { size, entries, contentBytes });
  signal.throwIfAborted();

  await writing(async () => {
    await writeSidecar(plan.archive, {
      version: 1,
      server,
      backup,
      operation,
      checksum: { type: 'sha1', value: checksum },
      size,
      format,
      entries,
      contentBytes,
      changed,
      skipped,
      verified: plan.verify,
      created,
      daemonVersion,
    });
    job.checkpoint?.('create:sidecar-written');
    await rename(partial, plan.archive);
    await syncDirectory(directory);
  });
  job.checkpoint?.('create:named');
  return { size, checksum, format, entries, contentBytes, changed, skipped, verified: plan.verify, warnings };
}

function openRoot(path: string): OpenDirectory {
  try {
    return OpenDirectory.open(path);
  } catch (error) {
    throw errorCode(error) === 'ENOENT'
      ? new ArchiveError('NOT_FOUND', 'the server has no directory', { cause: error })
      : asArchiveError(error, 'the files of the server cannot be opened');
  }
}

/** Without rules nothing is asked for each file. */
function rulesOf(
  { ignore, ignoreFiles }: CreatePlan,
  root: OpenDirectory,
): { ignores: ((path: Buffer) => boolean) | undefined; warnings: string[] } {
  try {
    const { lines, warnings } = ignore === '' ? readIgnoreFile(root, ignoreFiles) : { lines: ignore, warnings: [] };
    if (lines.length === 0) return { ignores: undefined, warnings };
    const rules = compileIgnoreRules(lines);
    return { ignores: (path) => rules.ignores(path), warnings };
  } catch (error) {
    throw asArchiveError(error, 'the ignore rules cannot be used');
  }
}

/** Answers the bytes that are free. @throws ArchiveError NO_SPACE */
async function checkSpace(directory: string): Promise<number> {
  const { bavail, bsize } = await writing(() => statfs(directory));
  const freeBytes = bavail * bsize;
  if (freeBytes >= leastFreeBytes) return freeBytes;
  throw new ArchiveError('NO_SPACE', 'the file system of the backups has less than 64 MiB left');
}

/** What the archiver reads is the server's, what it writes has errors of its own. */
async function reading<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw errorCode(error) === undefined ? error : asArchiveError(error, 'the files of the server cannot be read');
  }
}

async function writing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw asWriteError(error);
  }
}
