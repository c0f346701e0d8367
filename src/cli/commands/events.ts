// `aileron events`: what happened on the node, oldest first, and with -w what happens now.
import { eventKind } from '../../resources/kinds.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { Outage } from '../follow.ts';
import { type Io, print, say } from '../io.ts';
import { targetsOf } from '../kind-words.ts';
import { ApiError, KubeClient, type Selection, type Table } from '../kube-client.ts';
import { type AccessOptions, nodeAccess } from '../node-access.ts';
import { TableOutput } from '../table-output.ts';

export interface EventsOptions extends AccessOptions {
  watch?: boolean;
  for?: string;
  types?: string;
  json?: boolean;
}

export async function events(io: Io, options: EventsOptions): Promise<ExitCode> {
  const selection: Selection = { fields: fieldsFor(options) };
  const client = new KubeClient(await nodeAccess(io, options));
  try {
    const output = new EventOutput(io, options);
    let from = output.show(await client.table(eventKind, { ...selection, objects: true }));
    if (!options.watch) return exitCodes.ok;
    const outage = new Outage(io.gone, (error) => say(io, `aileron: ${error.message} Trying again.`));
    while (!io.gone.aborted) {
      try {
        const watch = { ...selection, signal: io.gone, objects: true, table: true } as const;
        for await (const { type, object } of client.watch(eventKind, from, watch)) {
          outage.over();
          from = type === 'DELETED' ? object.metadata.resourceVersion || from : output.show(object) || from;
        }
        await outage.pause();
      } catch (error) {
        if (error instanceof ApiError && error.status === 410)
          from = (await client.list(eventKind, selection)).metadata.resourceVersion;
        else await outage.survive(error);
      }
    }
    return exitCodes.ok;
  } finally {
    client.close();
  }
}

function fieldsFor({ for: about, types }: EventsOptions): string {
  const parts: string[] = [];
  if (about !== undefined) {
    const { kind, names } = targetsOf([about.includes('/') ? about : `server/${about}`]);
    parts.push(`involvedObject.kind=${kind.kind}`, `involvedObject.name=${names[0]}`);
  }
  if (types !== undefined) {
    if (types !== 'Normal' && types !== 'Warning')
      throw new CliError('--types is Normal or Warning.', { exitCode: exitCodes.usage });
    parts.push(`type=${types}`);
  }
  return parts.join(',');
}

class EventOutput {
  readonly #io: Io;
  readonly #json: boolean;
  readonly #table: TableOutput;
  readonly #options: EventsOptions;
  #empty = true;

  constructor(io: Io, options: EventsOptions) {
    this.#io = io;
    this.#json = options.json ?? false;
    this.#options = options;
    this.#table = new TableOutput(io);
  }

  /** Answers the revision of what was shown. */
  show(table: Table): string {
    const rows = table.rows.toSorted((a, b) => timeOf(a.object) - timeOf(b.object));
    if (this.#json) for (const { object } of rows) print(this.#io, JSON.stringify(object));
    else if (rows.length > 0 || this.#options.watch) this.#table.print({ ...table, rows });
    else if (this.#empty) say(this.#io, 'No events found.');
    this.#empty &&= rows.length === 0;
    return table.metadata.resourceVersion;
  }
}

function timeOf(object: unknown): number {
  const { lastTimestamp } = (object ?? {}) as { lastTimestamp?: string };
  return Date.parse(lastTimestamp ?? '') || 0;
}
