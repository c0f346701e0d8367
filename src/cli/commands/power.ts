// `aileron start|stop|restart|kill`: writes the request; with --wait follows it to its end, a start until the game says
// that it is up. What is said on the way is the states the server goes through.
import { serverKind } from '../../resources/kinds.ts';
import type { PowerAction, Server } from '../../resources/server.ts';
import { deadline } from '../deadline.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { followObject } from '../follow.ts';
import { type Io, print, say, styled } from '../io.ts';
import { serverName } from '../kind-words.ts';
import { KubeClient } from '../kube-client.ts';
import { type AccessOptions, nodeAccess } from '../node-access.ts';
import { safeLine } from '../safe-text.ts';

export interface PowerOptions extends AccessOptions {
  wait?: boolean;
  /** ms */
  timeout: number;
}

/** What a request has come to; undefined while it is under way. */
export type Verdict = { done: true } | { failed: string } | undefined;

const wanted: Record<PowerAction, string> = { start: 'running', restart: 'running', stop: 'offline', kill: 'offline' };

export async function power(
  io: Io,
  action: PowerAction,
  words: readonly string[],
  options: PowerOptions,
): Promise<ExitCode> {
  const names = words.map(serverName);
  const client = new KubeClient(await nodeAccess(io, options));
  let worst: ExitCode = exitCodes.ok;
  try {
    const asked: { name: string; request: string }[] = [];
    for (const name of names) {
      try {
        const patch = { spec: { power: { request: { action } } } };
        const server = (await client.patch(serverKind, name, patch)) as Server;
        asked.push({ name, request: server.spec.power.request?.id ?? '' });
        if (!options.wait) print(io, `${name}: ${action} requested`);
      } catch (error) {
        if (!(error instanceof CliError) || error.exitCode === exitCodes.unreachable) throw error;
        say(io, `aileron: ${name}: ${error.message}`);
        worst = Math.max(worst, error.exitCode) as ExitCode;
      }
    }
    if (!options.wait) return worst;
    using limit = deadline(io, options.timeout);
    // Side by side: one that takes long holds up no other's news.
    const ends = await Promise.all(
      asked.map((one) => untilDone(io, client, action, one, limit.signal, options.timeout)),
    );
    return ends.every(Boolean) ? worst : (Math.max(worst, exitCodes.failed) as ExitCode);
  } finally {
    client.close();
  }
}

async function untilDone(
  io: Io,
  client: KubeClient,
  action: PowerAction,
  { name, request }: { name: string; request: string },
  signal: AbortSignal,
  timeoutMs: number,
): Promise<boolean> {
  const onLost = (error: CliError) => say(io, `aileron: ${error.message} Waiting for it.`);
  const progress = new Progress(io, name);
  for await (const server of followObject<Server>(client, serverKind, name, { signal, onLost })) {
    if (server) progress.show(server);
    const verdict = server ? verdictOn(server, action, request) : { failed: 'it was deleted' };
    if (!verdict) continue;
    if ('done' in verdict) print(io, `${name}: ${wanted[action]}`);
    else say(io, `aileron: ${name}: ${safeLine(verdict.failed)}`);
    return 'done' in verdict;
  }
  if (!io.gone.aborted)
    say(io, `aileron: ${name}: not ${wanted[action]} after ${timeoutMs / 1_000} s; the node goes on with it.`);
  return false;
}

/** Looks at the newest object alone, so a missed change does no harm. */
export function verdictOn(server: Server, action: PowerAction, request: string): Verdict {
  const { spec, status } = server;
  const finished = status?.power?.finishedRequest;
  const newer = spec.power.request;
  if (newer?.id !== request)
    return { failed: `somebody asked for something else meanwhile: ${newer?.action} by ${newer?.by}` };
  if (finished !== request) return undefined;
  const { outcome, message } = status?.power ?? {};
  if (outcome !== 'Succeeded' && !status?.operation)
    return { failed: message ?? `the ${action} ended as ${String(outcome).toLowerCase()}` };
  if (status?.state === wanted[action]) return { done: true };
  // A start is carried out when the process runs; that it is up is said by the game.
  const isOver = status?.state === 'offline' && !status.operation && !status.restartAt;
  if (isOver) return { failed: status?.conditions?.find(({ type }) => type === 'Ready')?.message ?? 'it is offline' };
  return undefined;
}

/** A line on the terminal for each step; a pipe gets none. */
class Progress {
  readonly #io: Io;
  readonly #name: string;
  #last = '';

  constructor(io: Io, name: string) {
    this.#io = io;
    this.#name = name;
  }

  show({ status }: Server): void {
    if (!this.#io.stderr.isTTY) return;
    const operation = status?.operation ? ` (${status.operation.action})` : '';
    const line = `${this.#name}: ${status?.state ?? 'not looked at yet'}${operation}`;
    if (line === this.#last) return;
    this.#last = line;
    say(this.#io, styled(this.#io, this.#io.stderr, 'dim', `${new Date().toTimeString().slice(0, 8)} ${line}`));
  }
}
