// `aileron backup create|verify|lock|unlock`. What is in an archive, backup-files.ts reads; operation.ts has the rest.
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Backup } from '../../resources/backup.ts';
import { backupKind } from '../../resources/kinds.ts';
import { deadline } from '../deadline.ts';
import { CliError, type ExitCode, exitCodes, usageError } from '../exit-codes.ts';
import { followObject } from '../follow.ts';
import { type Io, print, say } from '../io.ts';
import { fullName, serverName } from '../kind-words.ts';
import type { AccessOptions } from '../node-access.ts';
import { type CreateOptions, createOperation } from '../operations/create.ts';
import { findOperation } from '../operations/find.ts';
import { safeLine } from '../safe-text.ts';
import { withClient } from '../with-client.ts';

export interface BackupCreateOptions extends CreateOptions {
  ignore?: string;
  ignoreFile?: string;
  format?: 'gzip' | 'zstd';
  locked?: boolean;
}

export interface VerifyOptions extends AccessOptions {
  /** ms */
  timeout: number;
}

export async function createBackup(io: Io, word: string, options: BackupCreateOptions): Promise<ExitCode> {
  const server = serverName(word);
  const { format, locked = false } = options;
  const ignore = await ignoreRules(io, options);
  const spec = { serverRef: { name: server }, locked, ...(ignore ? { ignore } : {}), ...(format ? { format } : {}) };
  return createOperation(io, backupKind, { stem: server, spec }, options);
}

async function ignoreRules(io: Io, { ignore, ignoreFile }: BackupCreateOptions): Promise<string | undefined> {
  if (ignore !== undefined && ignoreFile !== undefined) throw usageError('Either --ignore or --ignore-file, not both.');
  if (ignoreFile === undefined) return ignore;
  if (ignoreFile === '-') return text(io.stdin);
  return readFile(ignoreFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw usageError(`${ignoreFile} cannot be read (${error.code ?? error.message}).`, { cause: error });
  });
}

/** A locked backup is deleted by nobody, schedules included. */
export function lockBackups(
  io: Io,
  words: readonly string[],
  locked: boolean,
  options: AccessOptions,
): Promise<ExitCode> {
  return withClient(io, options, async (client) => {
    for (const word of words) {
      const { name } = (await findOperation<Backup>(client, backupKind, word)).metadata;
      await client.patch(backupKind, name, { spec: { locked } });
      print(io, `${fullName(backupKind, name)} ${locked ? 'locked' : 'unlocked'}`);
    }
    return exitCodes.ok;
  });
}

/** Has the node read the archive from end to end and compare it with its checksum. */
export function verifyBackup(io: Io, word: string, { timeout, ...options }: VerifyOptions): Promise<ExitCode> {
  return withClient(io, options, async (client) => {
    const backup = await findOperation<Backup>(client, backupKind, word);
    const { name } = backup.metadata;
    const { phase = 'Pending' } = backup.status ?? {};
    if (phase !== 'Completed')
      throw new CliError(`${name} has no archive to verify: it is ${phase}.`, { exitCode: exitCodes.refused });
    const request = new Date().toISOString();
    await client.patch(backupKind, name, { spec: { verify: request } });
    using limit = deadline(io, timeout);
    const onLost = (error: CliError) => say(io, `aileron: ${error.message} Waiting for it.`);
    for await (const seen of followObject<Backup>(client, backupKind, name, { signal: limit.signal, onLost })) {
      if (!seen) throw new CliError(`${name} was deleted.`);
      if (seen.spec.verify !== request) throw new CliError(`Somebody asked for another reading of ${name} meanwhile.`);
      const { verification } = seen.status ?? {};
      if (verification?.request !== request || verification.result === 'Running') continue;
      if (verification.result === 'Failed')
        throw new CliError(`${name}: ${safeLine(verification.message ?? 'its archive is damaged.')}`);
      print(io, `${fullName(backupKind, name)} verified`);
      return exitCodes.ok;
    }
    throw new CliError(`${name} is not verified after ${timeout / 1_000} s; the node goes on with it.`);
  });
}
