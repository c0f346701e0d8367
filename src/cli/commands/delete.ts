// `aileron delete`: asks the node to remove objects; with --wait returns when they are gone.
import type { KindDefinition } from '../../resources/kinds.ts';
import { deadline } from '../deadline.ts';
import { CliError, type ExitCode, exitCodes, usageError } from '../exit-codes.ts';
import { followObject } from '../follow.ts';
import { type Io, print, say } from '../io.ts';
import { fullName, targetsOf } from '../kind-words.ts';
import { KubeClient } from '../kube-client.ts';
import { type AccessOptions, nodeAccess } from '../node-access.ts';
import { objectsOf } from '../object-files.ts';

export interface DeleteOptions extends AccessOptions {
  filename?: string[];
  wait?: boolean;
  /** ms */
  timeout: number;
}

interface Doomed {
  kind: KindDefinition;
  name: string;
}

export async function deleteObjects(io: Io, words: readonly string[], options: DeleteOptions): Promise<ExitCode> {
  const doomed = await doomedBy(io, words, options);
  const client = new KubeClient(await nodeAccess(io, options));
  let worst: ExitCode = exitCodes.ok;
  try {
    const waiting: (Doomed & { uid: string })[] = [];
    for (const { kind, name } of doomed) {
      try {
        const { metadata } = await client.get(kind, name);
        await client.delete(kind, name, metadata.uid);
        waiting.push({ kind, name, uid: metadata.uid });
        if (!options.wait) print(io, `${fullName(kind, name)} deletion requested`);
      } catch (error) {
        if (!(error instanceof CliError) || error.exitCode === exitCodes.unreachable) throw error;
        say(io, `aileron: ${error.message}`);
        worst = Math.max(worst, error.exitCode) as ExitCode;
      }
    }
    if (options.wait) await untilGone(io, client, waiting, options.timeout);
    return worst;
  } finally {
    client.close();
  }
}

async function doomedBy(io: Io, words: readonly string[], { filename }: DeleteOptions): Promise<Doomed[]> {
  if (filename && words.length > 0) throw usageError('Either KIND NAME or -f FILE, not both.');
  if (filename) {
    return (await objectsOf(io, filename)).map((object) => {
      if (object instanceof CliError) throw object;
      return object;
    });
  }
  if (words.length === 0) throw usageError('What is to be deleted? Write KIND NAME or -f FILE.');
  const { kind, names } = targetsOf(words);
  if (names.length === 0) throw usageError(`Which ${kind.singular}? Write its name; all at once is not possible.`);
  return names.map((name) => ({ kind, name }));
}

async function untilGone(
  io: Io,
  client: KubeClient,
  waiting: readonly (Doomed & { uid: string })[],
  timeoutMs: number,
): Promise<void> {
  using limit = deadline(io, timeoutMs);
  for (const { kind, name, uid } of waiting) {
    const lost = (error: CliError) => say(io, `aileron: ${error.message} Waiting for it.`);
    let gone = false;
    for await (const object of followObject(client, kind, name, { signal: limit.signal, onLost: lost })) {
      gone = object?.metadata.uid !== uid;
      if (gone) break;
    }
    if (!gone) {
      throw new CliError(
        `${fullName(kind, name)} is not gone after ${timeoutMs / 1_000} s; the node goes on deleting it, aileron describe says what it waits for.`,
      );
    }
    print(io, `${fullName(kind, name)} deleted`);
  }
}
