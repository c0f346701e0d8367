// `aileron backup extract|download`: what is in an archive, brought here without a restore.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Backup } from '../../resources/backup.ts';
import { backupKind } from '../../resources/kinds.ts';
import { CliError, type ExitCode, exitCodes, usageError } from '../exit-codes.ts';
import { type Io, say } from '../io.ts';
import type { KubeClient } from '../kube-client.ts';
import type { AccessOptions } from '../node-access.ts';
import { Download } from '../operations/download.ts';
import { findOperation } from '../operations/find.ts';
import { bytesText } from '../units.ts';
import { withClient } from '../with-client.ts';

export interface FileOptions extends AccessOptions {
  output?: string;
  force?: boolean;
}

/** ms; a path at the end of a long archive takes as long to find as the archive to unpack. */
const searchPatienceMs = 3_600_000;

export function extractPath(
  io: Io,
  [word = '', path = '']: readonly string[],
  options: FileOptions,
): Promise<ExitCode> {
  if (basename(path) === '') throw usageError('Which path? Write that of a file or directory, relative to the server.');
  return withClient(io, options, async (client) => {
    const { name } = (await findOperation<Backup>(client, backupKind, word)).metadata;
    const answer = await client.open(backupKind, name, 'contents', {
      signal: io.gone,
      query: { path },
      patienceMs: searchPatienceMs,
    });
    try {
      await keep(io, answer, path, options);
    } finally {
      answer.destroy();
    }
    return exitCodes.ok;
  });
}

async function keep(io: Io, answer: IncomingMessage, path: string, options: FileOptions): Promise<void> {
  const isDirectory = answer.headers['aileron-content'] === 'directory';
  const name = isDirectory ? `${basename(path)}.tar` : basename(path);
  if (options.output === '-') {
    if (isDirectory && io.stdout.isTTY)
      throw usageError(`${path} is a directory and comes as a tar: send it to a program, or write it with -o FILE.`);
    await pipeline(answer, io.stdout, { end: false, signal: io.gone }).catch(explainCut);
    return;
  }
  const target = targetFor(options, name);
  const partial = `${target}.part`;
  const file = await open(partial, 'w', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw notWritten(partial, error);
  });
  try {
    const output = file.createWriteStream();
    output.on('error', () => {}); // the pipeline tells it
    await pipeline(answer, output).catch(explainCut);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  say(io, `${target}: ${bytesText(statSync(target).size)}`);
}

/** Resumes what an earlier one left, and believes the result only when its checksum is right. */
export function downloadArchive(io: Io, word: string, options: FileOptions): Promise<ExitCode> {
  return withClient(io, options, async (client) => {
    const backup = await findOperation<Backup>(client, backupKind, word);
    const { name } = backup.metadata;
    const { phase = 'Pending', archive } = backup.status ?? {};
    if (!archive)
      throw new CliError(`${name} has no archive to download: it is ${phase}.`, { exitCode: exitCodes.refused });
    if (options.output === '-') return await toStandardOutput(io, client, name, archive.checksum);

    const target = targetFor(options, `${name}.tar.${archive.format === 'zstd' ? 'zst' : 'gz'}`);
    const partial = `${target}.part`;
    await new Download({ io, client, name, archive, partial }).run();
    if ((await checksumOf(partial)) !== archive.checksum) {
      await rm(partial, { force: true });
      throw wrongChecksum(name);
    }
    await rename(partial, target);
    say(io, `${target}: ${bytesText(archive.size)}, SHA-1 ${archive.checksum}`);
    return exitCodes.ok;
  });
}

async function toStandardOutput(io: Io, client: KubeClient, name: string, checksum: string): Promise<ExitCode> {
  if (io.stdout.isTTY) throw usageError('An archive is nothing for a terminal: send it to a program or a file.');
  const hash = createHash('sha1');
  const answer = await client.open(backupKind, name, 'archive', { signal: io.gone });
  answer.on('data', (chunk: Buffer) => void hash.update(chunk));
  await pipeline(answer, io.stdout, { end: false, signal: io.gone }).catch(explainCut);
  if (hash.digest('hex') !== checksum) throw wrongChecksum(name);
  return exitCodes.ok;
}

/** `-o` names a file, or a directory to put it into. @throws CliError when something is there already */
function targetFor({ output, force }: FileOptions, name: string): string {
  const isDirectory = output?.endsWith('/') || (output !== undefined && statIsDirectory(output));
  const target = output === undefined ? name : isDirectory ? join(output, name) : output;
  if (!force && existsSync(target)) throw new CliError(`${target} is there already; --force writes over it.`);
  return target;
}

function statIsDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

async function checksumOf(path: string): Promise<string> {
  const hash = createHash('sha1');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

function wrongChecksum(name: string): CliError {
  return new CliError(
    `What came is not the archive of ${name}: its checksum is another. Try again; aileron backup verify looks at the original.`,
  );
}

function explainCut(error: NodeJS.ErrnoException): never {
  throw new CliError(`The answer of the node was cut short: ${error.message}.`, { cause: error });
}

function notWritten(path: string, error: NodeJS.ErrnoException): CliError {
  return new CliError(`${path} cannot be written (${error.code ?? error.message}).`, { cause: error });
}
