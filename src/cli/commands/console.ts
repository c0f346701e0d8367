// `aileron console`: on a terminal a place to read and type until Ctrl-C; in a pipe, lines out and commands in. Leaving
// never touches the game.
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../config/config.ts';
import { serverKind } from '../../resources/kinds.ts';
import type { Server } from '../../resources/server.ts';
import { ConsoleConnection } from '../console/connection.ts';
import { plainScreen, type Screen, typingScreen } from '../console/screen.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { type Io, say } from '../io.ts';
import { serverName } from '../kind-words.ts';
import { KubeClient } from '../kube-client.ts';
import { localConfig, nodeAccess } from '../node-access.ts';
import { consoleTarget } from '../wings-door.ts';

export interface ConsoleOptions {
  config?: string;
  follow?: boolean;
}

/** What a game may take to answer the last command of a pipe, after the last line it printed. */
const lingerMs = 1_500;

export async function openConsole(io: Io, word: string, options: ConsoleOptions): Promise<ExitCode> {
  const name = serverName(word);
  const config = await localConfig(io, options);
  const uuid = await uuidOf(io, name, options);
  const isTerminal = io.stdin.isTTY && io.stdout.isTTY;
  return isTerminal ? await interactive(io, config, name, uuid) : await piped(io, config, name, uuid, options);
}

async function uuidOf(io: Io, name: string, options: ConsoleOptions): Promise<string> {
  const client = new KubeClient(await nodeAccess(io, options));
  try {
    const { spec } = await client.get<Server>(serverKind, name);
    if (spec.uuid) return spec.uuid;
    throw new CliError(`${name} has no uuid yet; try again in a moment.`);
  } finally {
    client.close();
  }
}

function connectionTo(
  config: Config,
  name: string,
  uuid: string,
  screen: () => Screen,
  onLine = () => {},
): ConsoleConnection {
  return new ConsoleConnection(consoleTarget(config, name, uuid), {
    line(text) {
      onLine();
      screen().line(text);
    },
    state: (state) => screen().notice(`${name} is ${state}`),
    notice: (text) => screen().notice(text),
  });
}

async function interactive(io: Io, config: Config, name: string, uuid: string): Promise<ExitCode> {
  let screen: Screen | undefined;
  const connection = connectionTo(config, name, uuid, () => screen!);
  screen = typingScreen({
    io,
    onLine(line) {
      // Carried out much later it would surprise.
      if (connection.connected) connection.send(line).catch(() => {});
      else screen?.notice('Not connected: this line was not sent.');
    },
    onLeave: () => connection.close(),
  });
  try {
    await connection.run();
  } finally {
    screen.close();
  }
  say(io, `You have left the console of ${name}; the game goes on.`);
  return exitCodes.ok;
}

async function piped(
  io: Io,
  config: Config,
  name: string,
  uuid: string,
  { follow }: ConsoleOptions,
): Promise<ExitCode> {
  const screen = plainScreen(io);
  let lastAt = performance.now();
  const connection = connectionTo(
    config,
    name,
    uuid,
    () => screen,
    () => {
      lastAt = performance.now();
    },
  );
  io.gone.addEventListener('abort', () => connection.close(), { once: true });
  const running = connection.run();
  const typed = (async () => {
    for await (const line of createInterface({ input: io.stdin })) if (line.trim() !== '') await connection.send(line);
    if (follow) return;
    await connection.entered();
    lastAt = Math.max(lastAt, performance.now());
    for (let left = lingerMs; left > 0; left = lastAt + lingerMs - performance.now()) await sleep(left);
    connection.close();
  })();
  // Closing the connection ends the sending too; what it says then is of no interest.
  typed.catch(() => {});
  try {
    await running;
  } finally {
    io.stdin.destroy();
  }
  return exitCodes.ok;
}
