// The backup or restore a person means: by its name, or by the uuid a Panel and the archive know it by.
import type { KindDefinition } from '../../resources/kinds.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { nameOf } from '../kind-words.ts';
import type { KubeClient } from '../kube-client.ts';
import type { Operation } from './state.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** @throws CliError (notFound, usage) */
export async function findOperation<T extends Operation>(
  client: KubeClient,
  kind: KindDefinition,
  word: string,
): Promise<T> {
  const name = nameOf(kind, word);
  const named = await client.find<T>(kind, name);
  if (named) return named;
  if (uuidPattern.test(name)) {
    const found = (await client.list<T>(kind)).items.find(({ spec }) => spec.uuid === name);
    if (found) return found;
  }
  throw new CliError(`There is no ${kind.singular} "${name}".`, { exitCode: exitCodes.notFound });
}
