// Starts a daemon as a process of its own and listens to what it tells: that it is up, where it paused, which states and
// console lines it published. The process can be ended in order or by SIGKILL, at any moment.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import type { InstallMessage, OperationCompletion, OperationProgress, Usage } from '../../src/bus/bus.ts';
import type { Config } from '../../src/config/config.ts';
import type { ProcessState } from '../../src/resources/server.ts';
import type { Env } from './docker.ts';
import { NodeClient, type NodeClientOptions } from './node-client.ts';
import { until } from './until.ts';

const patienceMs = 30_000;

/** What the process is told to do, one JSON line each. */
export type DaemonOrder =
  /** Whoever comes to this checkpoint stays there. */
  | { do: 'pause'; at: string }
  | { do: 'go-on'; pauseAt?: string }
  | { do: 'type'; id: number; uuid: string; line: string }
  /** It answers behind everything that it told before. */
  | { do: 'echo'; id: number };

/** What the process tells, one JSON line each. */
export type DaemonMessage =
  | { what: 'up'; kube: number; ops: number; node: number }
  | { what: 'armed'; at: string }
  | { what: 'paused'; at: string }
  | { what: 'typed'; id: number; error?: string }
  | { what: 'echo'; id: number }
  | { what: 'state'; uuid: string; state: ProcessState; cause: string }
  | { what: 'line'; uuid: string; source: 'output' | 'daemon'; text: string }
  | { what: 'progress'; uuid: string; progress: OperationProgress }
  | { what: 'completion'; uuid: string; completion: OperationCompletion }
  | { what: 'install'; uuid: string; install: InstallMessage }
  | { what: 'usage'; uuid: string; usage: Usage };

export interface DaemonChildOptions {
  /** Variables on top of this process's own. */
  env?: Env | undefined;
  /** Program and arguments that run the daemon in their turn. */
  under?: readonly string[] | undefined;
  client?: Partial<NodeClientOptions> | undefined;
}

const upWithinMs = 30_000;
const mostLogLines = 2_000;
const entry = fileURLToPath(new URL('./daemon-main.ts', import.meta.url));

export class DaemonChild {
  /** The kube API of this daemon. */
  readonly api: NodeClient;
  readonly kubePort: number;
  readonly opsPort: number;
  /** Of the API for Panels and consoles. */
  readonly nodePort: number;
  readonly #process: ChildProcess;
  readonly #told: Told;
  #orders = 0;

  private constructor(
    process: ChildProcess,
    told: Told,
    api: NodeClient,
    ports: { kube: number; ops: number; node: number },
  ) {
    this.#process = process;
    this.#told = told;
    this.api = api;
    this.kubePort = ports.kube;
    this.opsPort = ports.ops;
    this.nodePort = ports.node;
  }

  /** Resolves when it is up. `directory` takes the file with its settings. @throws Error with its log */
  static async start(directory: string, config: Config, options: DaemonChildOptions = {}): Promise<DaemonChild> {
    const file = join(directory, 'config.json');
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    const [program = process.execPath, ...words] = [...(options.under ?? []), process.execPath, entry, file];
    const child = spawn(program, words, {
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin?.on('error', () => {}); // the process may be gone when an order comes
    const told = new Told(child);
    const up = await told.until('it is up', upWithinMs, (message) => message.what === 'up' && message);
    const pki = join(config.aileron.store.path, '..', 'pki');
    const api = new NodeClient({ port: up.kube, pki, caughtUp: () => daemon.#caughtUp(), ...options.client });
    const daemon = new DaemonChild(child, told, api, up);
    return daemon;
  }

  /** Every state that was published, in order. */
  states(uuid: string): ProcessState[] {
    return this.#told.messages.flatMap((message) =>
      message.what === 'state' && message.uuid === uuid ? [message.state] : [],
    );
  }

  /** Console lines, the daemon's own marked with `> `. */
  lines(uuid: string): string[] {
    return this.#told.messages.flatMap((message) =>
      message.what === 'line' && message.uuid === uuid
        ? [message.source === 'daemon' ? `> ${message.text}` : message.text]
        : [],
    );
  }

  /** Console lines of the process that were published before it first came to the state. */
  linesBefore(uuid: string, state: ProcessState): string[] {
    const { messages } = this.#told;
    const at = messages.findIndex(
      (message) => message.what === 'state' && message.uuid === uuid && message.state === state,
    );
    return messages
      .slice(0, Math.max(at, 0))
      .flatMap((message) =>
        message.what === 'line' && message.uuid === uuid && message.source === 'output' ? [message.text] : [],
      );
  }

  /** Console lines as `lines` has them, and between them the states, marked with `= `. */
  seen(uuid: string): string[] {
    return this.#told.messages.flatMap((message) => {
      if ((message.what !== 'line' && message.what !== 'state') || message.uuid !== uuid) return [];
      if (message.what === 'state') return [`= ${message.state}`];
      return [message.source === 'daemon' ? `> ${message.text}` : message.text];
    });
  }

  /**
   * What `seen` has is this and no more, or its end is this when `last`; lines that are `without` do not count. The API may
   * tell of a state before this process has heard of it, so the newest words are waited for.
   */
  async shows(uuid: string, expected: readonly string[], how: { last?: true; without?: string } = {}): Promise<void> {
    const all = () => this.seen(uuid).filter((line) => line !== how.without);
    await comesTo('the console and the states', all, expected, how);
  }

  /** The same for what `states` has. A failure names the `label`. */
  async showsStates(
    uuid: string,
    expected: readonly ProcessState[],
    { label = uuid, ...how }: { last?: true; label?: string } = {},
  ): Promise<void> {
    await comesTo(`the states of ${label}`, () => this.states(uuid), expected, how);
  }

  /** Of backups and restores, in order. */
  progress(uuid: string): OperationProgress[] {
    return this.#told.messages.flatMap((message) =>
      message.what === 'progress' && message.uuid === uuid ? [message.progress] : [],
    );
  }

  completions(uuid: string): OperationCompletion[] {
    return this.#told.messages.flatMap((message) =>
      message.what === 'completion' && message.uuid === uuid ? [message.completion] : [],
    );
  }

  installs(uuid: string): InstallMessage[] {
    return this.#told.messages.flatMap((message) =>
      message.what === 'install' && message.uuid === uuid ? [message.install] : [],
    );
  }

  usages(uuid: string): Usage[] {
    return this.#told.messages.flatMap((message) =>
      message.what === 'usage' && message.uuid === uuid ? [message.usage] : [],
    );
  }

  /** Log lines, oldest first, bounded. */
  get log(): string[] {
    return this.#told.log;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** From now on whoever comes to this checkpoint stays there. */
  async pauseAt(name: string): Promise<void> {
    this.#order({ do: 'pause', at: name });
    await this.#told.until('it knows where to pause', 10_000, (told) => told.what === 'armed' && told.at === name);
  }

  /** Resolves when it stands at its checkpoint. With `at`: at this one, or has been there. */
  async paused(ms = 30_000, at?: string): Promise<void> {
    const isIt = (message: DaemonMessage) => message.what === 'paused' && (at === undefined || message.at === at);
    await this.#told.until(`it paused${at === undefined ? '' : ` at ${at}`}`, ms, isIt);
  }

  /** To the next checkpoint where to pause, if there is one. */
  goOn(pauseAt?: string): void {
    this.#order({ do: 'go-on', ...(pauseAt === undefined ? {} : { pauseAt }) });
  }

  /** Types a line as soon as there is a console. @throws Error with what the daemon said */
  async type(uuid: string, line: string, ms = 30_000): Promise<void> {
    const refusal = await until(`"${line}" is typed`, ms, async () => {
      const id = ++this.#orders;
      this.#order({ do: 'type', id, uuid, line });
      const answer = await this.#told.until(
        'it answers',
        ms,
        (told) => told.what === 'typed' && told.id === id && told,
      );
      return answer.error !== 'no console is attached' && answer;
    });
    if (refusal.error !== undefined) throw new Error(refusal.error);
  }

  async untilLine(uuid: string, text: string, ms = 30_000): Promise<void> {
    await this.#told.until(
      `"${text}" stands in the console`,
      ms,
      (message) => message.what === 'line' && message.uuid === uuid && message.text.includes(text),
    );
  }

  /** SIGKILL: nothing is told to anybody. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** In order. Answers the exit code. */
  async stop(): Promise<number | null> {
    await this.#end('SIGTERM');
    return this.#process.exitCode;
  }

  /** Resolves when everything that it has told until now is heard here; also when it ended. */
  async #caughtUp(): Promise<void> {
    const id = ++this.#orders;
    this.#order({ do: 'echo', id });
    const isIt = (message: DaemonMessage) => message.what === 'echo' && message.id === id;
    await this.#told.until('it echoes', patienceMs, isIt).catch((error: unknown) => {
      if (this.running) throw error;
    });
  }

  #order(order: DaemonOrder): void {
    this.#process.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    this.api.close();
    if (!this.running) return;
    const exited = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exited;
  }
}

/** Keeps what the process said and wakes who waits for it. */
class Told {
  readonly messages: DaemonMessage[] = [];
  readonly log: string[] = [];
  #ended: string | undefined;
  #next = Promise.withResolvers<void>();

  constructor(child: ChildProcess) {
    if (!child.stdout || !child.stderr) throw new TypeError('the process was started without pipes');
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.messages.push(JSON.parse(line) as DaemonMessage);
      this.#wake();
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      this.log.push(line);
      if (this.log.length > mostLogLines) this.log.shift();
    });
    child.on('close', (code, signal) => {
      this.#ended = `it ended with ${signal ?? code}`;
      this.#wake();
    });
  }

  async until<T>(what: string, ms: number, wanted: (message: DaemonMessage) => T | false): Promise<T> {
    const timeout = AbortSignal.timeout(ms);
    const late = new Promise<void>((resolve) => timeout.addEventListener('abort', () => resolve(), { once: true }));
    for (let looked = 0; ; ) {
      for (; looked < this.messages.length; looked++) {
        const message = this.messages[looked];
        const found = message && wanted(message);
        if (found) return found;
      }
      if (this.#ended || timeout.aborted) {
        const why = this.#ended ?? `${ms} ms passed`;
        throw new Error(`never so: ${what}; ${why}; its log ends with\n${this.log.slice(-20).join('\n')}`);
      }
      await Promise.race([this.#next.promise, late]);
    }
  }

  #wake(): void {
    this.#next.resolve();
    this.#next = Promise.withResolvers();
  }
}

/** Resolves when the list, or its end when `last`, is the expected one; fails with the difference when that takes too long. */
async function comesTo<T>(
  what: string,
  all: () => readonly T[],
  expected: readonly T[],
  how: { last?: true },
): Promise<void> {
  const look = () => all().slice(how.last ? -expected.length : 0);
  await until(what, patienceMs, async () => isDeepStrictEqual(look(), expected)).catch((error: unknown) =>
    assert.deepEqual(look(), expected, error instanceof Error ? error.message : undefined),
  );
}
