// `aileron adopt`: the step before Wings is stopped and Aileron started in its place. Wings writes the states of its
// servers once a minute; this asks for them now and writes them where both look for them at start, so that a server
// whose player stopped it a moment ago stays stopped. Containers are not touched, now or later.
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { processStates } from '../../resources/server-status.ts';
import { writeDurable } from '../../volumes/write-durable.ts';
import { apiTrust } from '../api-trust.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { type Io, print, say } from '../io.ts';
import { localConfig } from '../node-access.ts';
import { textTable } from '../text-table.ts';
import { webRequest } from '../web-request.ts';
import { apiOrigin } from '../wings-door.ts';

export interface AdoptOptions {
  config?: string;
  dryRun?: boolean;
  json?: boolean;
}

export type States = Record<string, string>;

/** Wings answers from memory, with some KiB a server. */
const timeoutMs = 5_000;
const maxBytes = 64 * 1024 * 1024;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export async function adopt(io: Io, options: AdoptOptions): Promise<ExitCode> {
  const config = await localConfig(io, options);
  const states = await askWings(config);
  const file = join(config.system.rootDirectory, 'states.json');
  if (!options.dryRun) await write(file, states);
  if (options.json) print(io, JSON.stringify(states, undefined, 2));
  else if (Object.keys(states).length > 0) {
    for (const line of textTable([['SERVER', 'STATE'], ...Object.entries(states)])) print(io, line);
  }
  const running = Object.values(states).filter((state) => state === 'running' || state === 'starting').length;
  const count = Object.keys(states).length;
  const found = `${count} server${count === 1 ? '' : 's'} (${running} running)`;
  say(
    io,
    options.dryRun
      ? `Found ${found}; ${file} was not written (--dry-run).`
      : `Wrote the states of ${found} to ${file}.`,
  );
  say(
    io,
    options.dryRun
      ? 'Without --dry-run, stop Wings at once afterwards: what it changes later is not in the file.'
      : 'Now stop Wings (systemctl stop wings) and start Aileron with the same config.yml. Games run on; it takes them over.',
  );
  return exitCodes.ok;
}

async function askWings(config: Config): Promise<States> {
  const url = `${apiOrigin(config)}/api/servers`;
  let answer: { status: number; text: string };
  try {
    const headers = { authorization: `Bearer ${config.token.secret}`, accept: 'application/json' };
    answer = await webRequest(url, { headers, trust: await apiTrust(config), timeoutMs, maxBytes });
  } catch (error) {
    if (error instanceof CliError) throw error;
    const why =
      (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'nobody listens there' : (error as Error).message;
    throw new CliError(
      `Wings does not answer at ${apiOrigin(config)} (${why}); run this while it still runs. When it is stopped already, go on without: its own states.json is at most a minute old.`,
      { exitCode: exitCodes.unreachable, cause: error },
    );
  }
  if (answer.status === 401 || answer.status === 403)
    throw new CliError(`Wings at ${apiOrigin(config)} does not take the token in ${config.path}.`, {
      exitCode: exitCodes.refused,
    });
  if (answer.status !== 200) throw new CliError(`Wings at ${url} answered with ${answer.status}.`);
  return statesOf(answer.text, url);
}

/** The answer of `GET /api/servers`. @throws CliError */
export function statesOf(text: string, url: string): States {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch (error) {
    throw new CliError(`What answers at ${url} is not Wings.`, { cause: error });
  }
  if (!Array.isArray(list)) throw new CliError(`What answers at ${url} is not Wings.`);
  const entries = list.map((item: { state?: unknown; configuration?: { uuid?: unknown } } | null) => {
    const uuid = item?.configuration?.uuid;
    const state = item?.state;
    if (typeof uuid !== 'string' || !uuidPattern.test(uuid) || !processStates.some((known) => known === state)) {
      throw new CliError(`Wings at ${url} tells of a server without uuid or state; nothing was written.`);
    }
    return [uuid, String(state)] as const;
  });
  return Object.fromEntries(entries);
}

async function write(file: string, states: States): Promise<void> {
  try {
    await writeDurable(file, `${JSON.stringify(states)}\n`, { mode: 0o644 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(`${file} cannot be written (${code ?? message}); run this as the user of the daemon.`, {
      cause: error,
    });
  }
}
