// `aileron get`: objects as the node's own table, as JSON or YAML, or as names; with -w also what changes.
import type { KindDefinition } from '../../resources/kinds.ts';
import type { StoredObject } from '../../resources/object.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { Outage } from '../follow.ts';
import { type Io, print, say } from '../io.ts';
import { fullName, targetsOf } from '../kind-words.ts';
import { ApiError, KubeClient, type Selection } from '../kube-client.ts';
import { type AccessOptions, nodeAccess } from '../node-access.ts';
import { TableOutput } from '../table-output.ts';

export const outputs = ['wide', 'json', 'yaml', 'name'] as const;

export interface GetOptions extends AccessOptions {
  output?: (typeof outputs)[number];
  selector?: string;
  watch?: boolean;
}

export async function get(io: Io, words: readonly string[], options: GetOptions): Promise<ExitCode> {
  const { kind, names } = targetsOf(words);
  if (names.length > 0 && options.selector)
    throw new CliError('Names and a selector exclude each other.', { exitCode: exitCodes.usage });
  if (names.length > 1 && options.watch)
    throw new CliError('Only one object, or all, can be watched.', { exitCode: exitCodes.usage });
  const client = new KubeClient(await nodeAccess(io, options));
  try {
    if (options.watch) return await watch(io, client, kind, names[0], options);
    return names.length > 0 ? await named(io, client, kind, names, options) : await all(io, client, kind, options);
  } finally {
    client.close();
  }
}

async function all(io: Io, client: KubeClient, kind: KindDefinition, options: GetOptions): Promise<ExitCode> {
  const selection: Selection = { labels: options.selector };
  if (options.output === undefined || options.output === 'wide') {
    const table = await client.table(kind, selection);
    if (table.rows.length === 0) say(io, `No ${kind.plural} found.`);
    else new TableOutput(io, { wide: options.output === 'wide' }).print(table);
    return exitCodes.ok;
  }
  const list = await client.list(kind, selection);
  if (options.output === 'name') for (const { metadata } of list.items) print(io, fullName(kind, metadata.name));
  else await printData(io, list, options.output);
  return exitCodes.ok;
}

/** Those that are there are shown, also when others are not. */
async function named(
  io: Io,
  client: KubeClient,
  kind: KindDefinition,
  names: readonly string[],
  options: GetOptions,
): Promise<ExitCode> {
  const asTable = options.output === undefined || options.output === 'wide';
  const table = new TableOutput(io, { wide: options.output === 'wide' });
  const found: StoredObject[] = [];
  let missing: ExitCode = exitCodes.ok;
  for (const name of names) {
    const part = asTable ? await client.table(kind, { fields: `metadata.name=${name}` }) : undefined;
    const object = asTable ? undefined : await client.find(kind, name);
    if (object) found.push(object);
    else if (part && part.rows.length > 0) table.print(part);
    else {
      say(io, `aileron: There is no ${kind.singular} "${name}".`);
      missing = exitCodes.notFound;
    }
  }
  if (options.output === 'name') for (const { metadata } of found) print(io, fullName(kind, metadata.name));
  else if (!asTable && found.length > 0)
    await printData(io, found.length === 1 ? found[0] : asList(found), options.output);
  return missing;
}

function asList(items: readonly StoredObject[]): object {
  return { apiVersion: 'v1', kind: 'List', items };
}

async function printData(io: Io, data: unknown, output: GetOptions['output']): Promise<void> {
  if (output === 'json') return print(io, JSON.stringify(data, undefined, 2));
  const { stringify } = await import('yaml');
  io.stdout.write(stringify(data, { lineWidth: 0 }));
}

/** Ends when nobody reads any more, or by Ctrl-C. A node that restarts is waited for. */
async function watch(
  io: Io,
  client: KubeClient,
  kind: KindDefinition,
  name: string | undefined,
  options: GetOptions,
): Promise<ExitCode> {
  const selection: Selection = {
    labels: options.selector,
    fields: name === undefined ? undefined : `metadata.name=${name}`,
  };
  const asTable = options.output === undefined || options.output === 'wide';
  const table = new TableOutput(io, { wide: options.output === 'wide' });
  const outage = new Outage(io.gone, (error) => say(io, `aileron: ${error.message} Trying again.`));
  let from = '';
  const show = async (object: StoredObject) => {
    if (options.output === 'name') print(io, fullName(kind, object.metadata.name));
    else await printData(io, object, options.output);
  };

  if (asTable) {
    const first = await client.table(kind, selection);
    from = first.metadata.resourceVersion;
    if (name !== undefined && first.rows.length === 0) throw notThere(kind, name);
    table.print(first);
  } else {
    const first = await client.list(kind, selection);
    from = first.metadata.resourceVersion;
    if (name !== undefined && first.items.length === 0) throw notThere(kind, name);
    for (const object of first.items) await show(object);
  }
  while (!io.gone.aborted) {
    try {
      if (asTable) {
        for await (const { object } of client.watch(kind, from, { ...selection, signal: io.gone, table: true })) {
          outage.over();
          from = object.metadata.resourceVersion || from;
          table.print(object);
        }
      } else {
        for await (const { type, object } of client.watch(kind, from, { ...selection, signal: io.gone })) {
          outage.over();
          from = object.metadata.resourceVersion;
          if (type !== 'BOOKMARK') await show(object);
        }
      }
      await outage.pause();
    } catch (error) {
      if (error instanceof ApiError && error.status === 410)
        from = (await client.list(kind, selection)).metadata.resourceVersion;
      else await outage.survive(error);
    }
  }
  return exitCodes.ok;
}

function notThere(kind: KindDefinition, name: string): CliError {
  return new CliError(`There is no ${kind.singular} "${name}".`, { exitCode: exitCodes.notFound });
}
