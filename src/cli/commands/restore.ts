// `aileron restore SERVER BACKUP`: brings the files of a server back from a backup.
import { backupKind, restoreKind } from '../../resources/kinds.ts';
import { type ExitCode, usageError } from '../exit-codes.ts';
import type { Io } from '../io.ts';
import { serverName } from '../kind-words.ts';
import { type CreateOptions, createOperation } from '../operations/create.ts';
import { findOperation } from '../operations/find.ts';
import { withClient } from '../with-client.ts';

export const modes = { merge: 'Merge', truncate: 'Truncate' } as const;
export const strategies = { auto: 'Auto', staged: 'Staged', 'in-place': 'InPlace' } as const;

export interface RestoreCreateOptions extends CreateOptions {
  mode: keyof typeof modes;
  strategy?: keyof typeof strategies;
  path?: string[];
}

export async function createRestore(
  io: Io,
  [server = '', backup = '']: readonly string[],
  options: RestoreCreateOptions,
): Promise<ExitCode> {
  const name = serverName(server);
  const { mode, strategy, path: paths = [] } = options;
  if (mode === 'truncate' && paths.length > 0)
    throw usageError('--path brings some files back and --mode truncate removes all others: not both.');
  const found = await withClient(io, options, (client) => findOperation(client, backupKind, backup));
  const spec = {
    serverRef: { name },
    backupRef: { name: found.metadata.name },
    mode: modes[mode],
    ...(strategy === undefined ? {} : { strategy: strategies[strategy] }),
    paths,
  };
  return createOperation(io, restoreKind, { stem: `${name}-restore`, spec }, options);
}
