// What `aileron backup` and `aileron restore` have in common: list, describe, watch, cancel, delete.
import type { KindDefinition } from '../../resources/kinds.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { type Io, print, say } from '../io.ts';
import { fullName, serverName } from '../kind-words.ts';
import type { AccessOptions } from '../node-access.ts';
import { findOperation } from '../operations/find.ts';
import { listLines } from '../operations/lists.ts';
import { isFinished, type Operation } from '../operations/state.ts';
import { type WatchOptions, watchOperation } from '../operations/watch.ts';
import { withClient } from '../with-client.ts';
import { type DeleteOptions, deleteObjects } from './delete.ts';
import { describe } from './describe.ts';

export interface ListOptions extends AccessOptions {
  json?: boolean;
}

/** Oldest first; of one server, or of all. */
export function listOperations(
  io: Io,
  kind: KindDefinition,
  [word]: readonly string[],
  options: ListOptions,
): Promise<ExitCode> {
  return withClient(io, options, async (client) => {
    const server = word === undefined ? undefined : serverName(word);
    const items = (await client.list<Operation>(kind)).items
      .filter(({ spec }) => server === undefined || spec.serverRef.name === server)
      .sort((a, b) => Date.parse(a.metadata.creationTimestamp) - Date.parse(b.metadata.creationTimestamp));
    if (options.json) print(io, JSON.stringify(items, undefined, 2));
    else if (items.length === 0) say(io, `No ${kind.plural} found.`);
    else for (const line of listLines(items, Date.now())) print(io, line);
    return exitCodes.ok;
  });
}

export async function describeOperations(
  io: Io,
  kind: KindDefinition,
  words: readonly string[],
  options: AccessOptions,
): Promise<ExitCode> {
  return describe(io, [kind.singular, ...(await namesOf(io, kind, words, options))], options);
}

export async function deleteOperations(
  io: Io,
  kind: KindDefinition,
  words: readonly string[],
  options: DeleteOptions,
): Promise<ExitCode> {
  return deleteObjects(io, [kind.singular, ...(await namesOf(io, kind, words, options))], options);
}

export function watchExisting(io: Io, kind: KindDefinition, word: string, options: WatchOptions): Promise<ExitCode> {
  return withClient(io, options, async (client) => {
    return watchOperation(io, client, await findOperation(client, kind, word), options);
  });
}

export function cancelOperation(io: Io, kind: KindDefinition, word: string, options: AccessOptions): Promise<ExitCode> {
  return withClient(io, options, async (client) => {
    const operation = await findOperation(client, kind, word);
    const { name } = operation.metadata;
    if (isFinished(operation)) {
      const how = operation.status?.phase?.toLowerCase();
      throw new CliError(`${name} is over already: it is ${how}.`, { exitCode: exitCodes.refused });
    }
    await client.patch(kind, name, { spec: { cancel: true } });
    print(io, `${fullName(kind, name)} cancel requested`);
    return exitCodes.ok;
  });
}

function namesOf(io: Io, kind: KindDefinition, words: readonly string[], options: AccessOptions): Promise<string[]> {
  return withClient(io, options, async (client) => {
    const names: string[] = [];
    for (const word of words) names.push((await findOperation(client, kind, word)).metadata.name);
    return names;
  });
}
