// The commands of the pretended Panel, one line each: what an administrator and a user would click. What the node tells
// the Panel meanwhile is shown as it comes.
import { safeLine } from '../../../src/cli/safe-text.ts';
import { textTable } from '../../../src/cli/text-table.ts';
import { type DaemonCalls, DaemonRefusal, NodeUnreachable } from './daemon-calls.ts';
import { consoleDoor, openConsole } from './panel-console.ts';
import { backupNumbered, NoSuchThing, nameOf, numberOf, serverNamed } from './panel-names.ts';
import type { PanelStandIn } from './panel-stand-in.ts';
import type { PanelServer } from './panel-state.ts';
import type { RecordParts } from './server-record.ts';

type Command = (words: string[]) => Promise<string> | string;

/** The game that `npm start` shows too. */
const demo: RecordParts = {
  image: '~aileron/demo:1',
  invocation: '/game.sh {{WORLD}} {{MAX_PLAYERS}}',
  environment: { WORLD: 'world', MAX_PLAYERS: 8 },
  memory: 128,
  disk: 512,
  cpu: 50,
  done: ['Done ('],
};

/** With line ends as a Panel's text field has them. */
const install = {
  container_image: '~aileron/demo:1',
  entrypoint: 'sh',
  script: [
    '#!/bin/sh',
    'cd /mnt/server || exit 1',
    'echo "Making the world \\"$WORLD\\" for $MAX_PLAYERS players"',
    'mkdir -p "$WORLD"',
    'printf "tick 41\\nplayers\\n" > "$WORLD/level.txt"',
    '',
  ].join('\r\n'),
};

const power = ['start', 'stop', 'restart', 'kill'] as const;

/** What needs nobody but the Panel's own database, or its administrator at the machine. */
const whileAway = ['away', 'back', 'help', 'leave', 'servers', 'backups', 'activity', 'requests'];

export const help = `create NAME                     a server with the demo game; its script installs it
start|stop|restart|kill NAME
console NAME, leave             what it prints, from now on
say NAME TEXT                   a line into its console
token NAME                      for a console of your own: address, page, token
backup NAME, restore NAME NUMBER
reinstall NAME, suspend NAME, resume NAME, sync NAME, delete NAME
servers, backups, activity      the tables of the Panel
requests                        the last twenty that the node made
away, back                      nobody answers on the Panel's port, and again
help, quit`;

export class PanelShell {
  readonly #panel: PanelStandIn;
  readonly #daemon: DaemonCalls;
  readonly #url: string;
  readonly #print: (line: string) => void;
  readonly #commands: Record<string, Command>;
  #leave: (() => void) | undefined;

  /** `url` of the daemon; `print` shows what comes by itself. */
  constructor(panel: PanelStandIn, url: string, print: (line: string) => void) {
    this.#panel = panel;
    this.#url = url;
    this.#print = print;
    const daemon = panel.daemon(url);
    this.#daemon = daemon;
    const { state } = panel;
    const server = (name?: string) => serverNamed(state, name);
    this.#commands = {
      help: () => help,
      create: ([name]) => this.#create(name),
      say: async ([name, ...words]) => done(await daemon.command(server(name).uuid, words.join(' '))),
      console: ([name]) => this.#console(server(name)),
      leave: () => this.#closeConsole(),
      token: ([name]) => this.#token(server(name)),
      backup: async ([name]) =>
        `backup ${numberOf(state, await daemon.backup(state, server(name).uuid))} is being made`,
      restore: async ([name, number]) => done(await daemon.restore(server(name), backupNumbered(state, number).uuid)),
      reinstall: async ([name]) => done(await daemon.reinstall(server(name))),
      suspend: async ([name]) => done(await daemon.suspend(server(name))),
      resume: async ([name]) => done(await daemon.suspend(server(name), false)),
      sync: async ([name]) => done(await daemon.sync(server(name).uuid)),
      delete: async ([name]) => done(await daemon.deleteServer(state, server(name).uuid)),
      servers: () => this.#servers(),
      backups: () => this.#backups(),
      activity: () => this.#activity(),
      requests: () =>
        panel.seen
          .slice(-20)
          .map(({ method, path, status }) => `${status || '–'}  ${method} ${path}`)
          .join('\n'),
      away: async () => {
        await panel.down();
        return 'Nobody answers on the Panel’s port any more.';
      },
      back: async () => {
        await panel.up();
        return 'The Panel answers again.';
      },
    };
    for (const action of power) {
      this.#commands[action] = async ([name]) => done(await daemon.power(server(name).uuid, action));
    }
  }

  /** Answers what is to be shown. Never throws. */
  async run(line: string): Promise<string> {
    const [word = '', ...words] = line.trim().split(/\s+/);
    if (word === '') return '';
    const command = Object.hasOwn(this.#commands, word) ? this.#commands[word] : undefined;
    if (!command) return `There is no ${word}; try help.`;
    if (!this.#panel.listens && !whileAway.includes(word)) return 'The Panel is away; back brings it back.';
    try {
      return await command(words);
    } catch (error) {
      if (error instanceof DaemonRefusal || error instanceof NodeUnreachable || error instanceof NoSuchThing)
        return error.message;
      throw error;
    }
  }

  close(): void {
    this.#leave?.();
    this.#leave = undefined;
  }

  async #create(name = ''): Promise<string> {
    const { state } = this.#panel;
    if (!/^\S+$/.test(name)) throw new NoSuchThing('What is it to be called?');
    if ([...state.servers.values()].some(({ parts }) => parts.name === name))
      throw new NoSuchThing(`There is a server ${name} already.`);
    const server = state.addServer({ ...demo, name });
    server.install = install;
    await this.#daemon.createServer(state, server);
    return `${name} is being installed`;
  }

  async #console(server: PanelServer): Promise<string> {
    this.close();
    const name = server.parts.name ?? server.uuid;
    const door = () => consoleDoor(this.#panel, server, this.#url);
    this.#leave = await openConsole(door, (line) => this.#print(`${name}│ ${line}`)).catch((error: Error) => {
      throw new NoSuchThing(error.message, { cause: error });
    });
    return `The console of ${name} is open; leave closes it.`;
  }

  #closeConsole(): string {
    if (!this.#leave) return 'No console is open.';
    this.close();
    return 'The game goes on.';
  }

  #token(server: PanelServer): string {
    const { url, origin, token } = consoleDoor(this.#panel, server, this.#url);
    return `${url}\nOrigin: ${origin}\n${token}`;
  }

  #servers(): string {
    const rows = [...this.#panel.state.servers.values()].map(({ parts, uuid, status, containerStatus }) => [
      ...[parts.name ?? '', status ?? '–', containerStatus ?? '–', uuid],
    ]);
    return table(['NAME', 'STATUS', 'STATE', 'UUID'], rows);
  }

  #backups(): string {
    const { state } = this.#panel;
    const rows = [...state.backups.values()].map(({ uuid, server, isSuccessful, completedAt, bytes, checksum }) => {
      const outcome = completedAt === null ? 'running' : isSuccessful ? 'successful' : 'failed';
      return [String(numberOf(state, uuid)), nameOf(state, server), outcome, String(bytes), checksum ?? '–'];
    });
    return table(['NUMBER', 'SERVER', 'STATUS', 'BYTES', 'CHECKSUM'], rows);
  }

  #activity(): string {
    const { state } = this.#panel;
    const rows = state.activity.map(({ timestamp, server, event, metadata }) => [
      ...[timestamp, nameOf(state, String(server)), event].map((cell) => safeLine(String(cell))),
      safeLine(JSON.stringify(metadata)),
    ]);
    return table(['TIME', 'SERVER', 'EVENT', 'MORE'], rows);
  }
}

function table(head: string[], rows: string[][]): string {
  return rows.length === 0 ? 'It is empty.' : textTable([head, ...rows]).join('\n');
}

function done(_answer: unknown): string {
  return 'ok';
}
