// The commands of the pretended Panel, one line each: what an administrator and a user would click.
import { uuidOf } from '../an-admission.ts';
import { type DaemonCalls, DaemonRefusal, NodeUnreachable } from './daemon-calls.ts';
import type { PanelStandIn } from './panel-stand-in.ts';
import type { PanelServer } from './panel-state.ts';
import type { RecordParts } from './server-record.ts';

type Command = (words: string[]) => Promise<string> | string;

/** The game that `npm start` shows too. */
const demo: RecordParts = {
  name: 'demo',
  image: '~aileron/demo:1',
  invocation: '/game.sh {{WORLD}} {{MAX_PLAYERS}}',
  environment: { WORLD: 'world', MAX_PLAYERS: 8 },
  memory: 128,
  disk: 512,
  cpu: 50,
  skipEggScripts: true,
  done: ['Done ('],
};

const power = ['start', 'stop', 'restart', 'kill'] as const;

export const help = `servers                    what the Panel shows
create NAME                a server with the demo game
start|stop|restart|kill NAME
say NAME TEXT              a line into its console
suspend NAME, resume NAME
backup NAME, backups, restore NAME BACKUP
sync NAME, delete NAME
away, back                 nobody answers on the Panel's port, and again
requests                   the last twenty that the node made
help, quit`;

export class PanelShell {
  readonly #panel: PanelStandIn;
  readonly #daemon: DaemonCalls;
  readonly #commands: Record<string, Command>;
  #made = 0;

  constructor(panel: PanelStandIn, daemon: DaemonCalls) {
    this.#panel = panel;
    this.#daemon = daemon;
    const { state } = panel;
    this.#commands = {
      help: () => help,
      servers: () => this.#servers(),
      backups: () => this.#backups(),
      requests: () =>
        panel.seen
          .slice(-20)
          .map(({ method, path, status }) => `${status || '–'}  ${method} ${path}`)
          .join('\n'),
      create: ([name = 'demo']) => this.#create(name),
      say: async ([name, ...words]) => done(await daemon.command(this.#find(name).uuid, words.join(' '))),
      suspend: async ([name]) => done(await daemon.suspend(this.#find(name))),
      resume: async ([name]) => done(await daemon.suspend(this.#find(name), false)),
      sync: async ([name]) => done(await daemon.sync(this.#find(name).uuid)),
      backup: async ([name]) => `backup ${await daemon.backup(state, this.#find(name).uuid)} is on its way`,
      restore: async ([name, backup = '']) => done(await daemon.restore(this.#find(name), this.#backup(backup))),
      delete: async ([name]) => done(await daemon.deleteServer(state, this.#find(name).uuid)),
      away: async () => done(await panel.down()),
      back: async () => done(await panel.up()),
    };
    for (const action of power) {
      this.#commands[action] = async ([name]) => done(await daemon.power(this.#find(name).uuid, action));
    }
  }

  /** The server that the Panel has from the start. */
  addDemo(name = demo.name): PanelServer {
    this.#made += 1;
    // The same at each start, so that a node finds it again.
    return this.#panel.state.addServer({ ...demo, name: name ?? 'demo', uuid: uuidOf(this.#made) });
  }

  /** Answers what is to be shown. Never throws. */
  async run(line: string): Promise<string> {
    const [word = '', ...words] = line.trim().split(/\s+/);
    if (word === '') return '';
    const command = Object.hasOwn(this.#commands, word) ? this.#commands[word] : undefined;
    if (!command) return `There is no ${word}; try help.`;
    try {
      return await command(words);
    } catch (error) {
      if (error instanceof DaemonRefusal || error instanceof NodeUnreachable || error instanceof NoSuchThing)
        return error.message;
      throw error;
    }
  }

  async #create(name: string): Promise<string> {
    const server = this.addDemo(name);
    await this.#daemon.createServer(this.#panel.state, server);
    return `${name} is ${server.uuid}`;
  }

  #servers(): string {
    const rows = [...this.#panel.state.servers.values()].map(({ parts, uuid, status, containerStatus }) =>
      [parts.name ?? '', status ?? containerStatus ?? 'unknown', uuid].map((cell) => cell.padEnd(16)).join(' '),
    );
    return rows.length > 0 ? rows.join('\n') : 'There are no servers.';
  }

  #backups(): string {
    const rows = [...this.#panel.state.backups.values()].map(
      ({ uuid, isSuccessful, completedAt, bytes }) =>
        `${uuid} ${completedAt === null ? 'running' : isSuccessful ? `${bytes} bytes` : 'failed'}`,
    );
    return rows.length > 0 ? rows.join('\n') : 'There are no backups.';
  }

  #find(name = 'demo'): PanelServer {
    const found = [...this.#panel.state.servers.values()].find(
      ({ parts, uuid }) => parts.name === name || uuid === name,
    );
    if (!found) throw new NoSuchThing(`There is no server ${name}.`);
    return found;
  }

  #backup(start: string): string {
    const found = [...this.#panel.state.backups.keys()].filter((uuid) => uuid.startsWith(start)).at(-1);
    if (!found) throw new NoSuchThing(`There is no backup ${start}.`);
    return found;
  }
}

class NoSuchThing extends Error {}

function done(_answer: unknown): string {
  return 'ok';
}
