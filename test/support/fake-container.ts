// One container of the fake engine: its state, its terminal, its log, and the program that plays the game.
import type { Clock } from '../../src/clock/clock.ts';
import {
  type AttachedConsole,
  type ContainerBody,
  type ContainerInfo,
  type ContainerResources,
  DockerError,
  type StatsSample,
} from '../../src/docker/engine.ts';
import { Channel } from './channel.ts';

/** Plays the process in a container. Called at each start. */
export type Program = (process: FakeProcess) => void;

export interface FakeProcess {
  env: Record<string, string>;
  /** Through the terminal: `\n` comes out as `\r\n`. */
  print(text: string): void;
  exit(code: number): void;
  onInput(handler: (text: string) => void): void;
  /** Without a handler every signal ends the process with 128 + its number. SIGKILL asks nobody. */
  onSignal(handler: (signal: string) => void): void;
}

const signalNumbers: Record<string, number> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };
const resourceKeys = [
  'Memory',
  'MemoryReservation',
  'MemorySwap',
  'CpuQuota',
  'CpuPeriod',
  'CpuShares',
  'CpusetCpus',
  'PidsLimit',
  'BlkioWeight',
] as const;

export class FakeContainer {
  readonly id: string;
  readonly name: string;
  readonly body: ContainerBody;
  /** Everything ever written to the console, in order. */
  stdin = '';
  /** Counters of the next samples. */
  usage: Partial<StatsSample> = {};
  resources: ContainerResources;
  running = false;
  paused = false;
  readonly #clock: Clock;
  readonly #program: Program;
  readonly #consoles = new Set<Channel<Buffer>>();
  readonly #followers = new Set<Channel<Buffer>>();
  readonly #exitWaits = new Set<PromiseWithResolvers<{ exitCode: number }>>();
  readonly #log: { at: number; data: Buffer }[] = [];
  #inputHandlers: ((text: string) => void)[] = [];
  #signalHandlers: ((signal: string) => void)[] = [];
  #exitCode = 0;
  #oomKilled = false;
  #error = '';
  #startedAt = '';
  #finishedAt = '';

  constructor(parts: { id: string; name: string; body: ContainerBody; program: Program; clock: Clock }) {
    this.id = parts.id;
    this.name = parts.name;
    this.body = parts.body;
    this.#program = parts.program;
    this.#clock = parts.clock;
    this.resources = Object.fromEntries(
      resourceKeys.flatMap((key) =>
        parts.body.HostConfig[key] === undefined ? [] : [[key, parts.body.HostConfig[key]]],
      ),
    );
  }

  info(): ContainerInfo {
    const { body } = this;
    return {
      id: this.id,
      name: this.name,
      labels: { ...body.Labels },
      status: this.#status(),
      running: this.running,
      exitCode: this.#exitCode,
      oomKilled: this.#oomKilled,
      error: this.#error,
      startedAt: this.#startedAt,
      finishedAt: this.#finishedAt,
      image: body.Image,
      command: [...(body.Cmd ?? [])],
      tty: body.Tty,
      openStdin: body.OpenStdin,
      stdinOnce: false,
      env: [...body.Env],
      mounts: body.HostConfig.Mounts.map(({ Source, Target, ReadOnly }) => ({
        source: Source,
        target: Target,
        readOnly: ReadOnly,
      })),
      resources: { ...this.resources },
      networkMode: body.HostConfig.NetworkMode,
    };
  }

  start(onExit: (code: number) => void): void {
    this.running = true;
    this.#exitCode = 0;
    this.#oomKilled = false;
    this.#error = '';
    this.#startedAt = this.#time();
    this.#finishedAt = '';
    this.#inputHandlers = [];
    this.#signalHandlers = [];
    this.#onExit = onExit;
    this.#program({
      env: Object.fromEntries(this.body.Env.map((entry) => splitOnce(entry))),
      print: (text) => this.print(text),
      exit: (code) => this.exit(code),
      onInput: (handler) => this.#inputHandlers.push(handler),
      onSignal: (handler) => this.#signalHandlers.push(handler),
    });
  }
  #onExit: (code: number) => void = () => {};

  failStart(message: string): void {
    this.#exitCode = 128;
    this.#error = message;
  }

  print(text: string): void {
    const data = Buffer.from(this.body.Tty ? text.replaceAll(/\r?\n/g, '\r\n') : text);
    this.#log.push({ at: this.#clock.now() / 1000, data });
    for (const reader of [...this.#consoles, ...this.#followers]) reader.push(data);
  }

  exit(code: number, { oomKilled = false } = {}): void {
    if (!this.running) return;
    this.running = false;
    this.paused = false;
    this.#exitCode = code;
    this.#oomKilled = oomKilled;
    this.#finishedAt = this.#time();
    this.dropConsoles();
    for (const follower of this.#followers) follower.end();
    this.#followers.clear();
    for (const wait of this.#exitWaits) wait.resolve({ exitCode: code });
    this.#exitWaits.clear();
    this.#onExit(code);
  }

  signal(name: string): void {
    const number = signalNumbers[name] ?? 15;
    if (name === 'SIGKILL' || this.#signalHandlers.length === 0) this.exit(128 + number);
    else for (const handler of this.#signalHandlers) handler(name);
  }

  attach(stdin: boolean): AttachedConsole {
    const output = new Channel<Buffer>();
    this.#consoles.add(output);
    return {
      output,
      write: async (data) => {
        if (!stdin) throw new DockerError(410, 'the console takes no input');
        if (output.ended) throw new DockerError(410, 'the console is gone');
        const text = data.toString('utf8');
        this.stdin += text;
        if (this.body.Tty) this.print(text);
        for (const handler of this.#inputHandlers) handler(text);
      },
      close: () => {
        this.#consoles.delete(output);
        output.end();
      },
    };
  }

  dropConsoles(error?: Error): void {
    for (const console of this.#consoles) console.end(error);
    this.#consoles.clear();
  }

  /** What was printed, and what will be. */
  followLogs(since: number | undefined, signal: AbortSignal): AsyncIterable<Buffer> {
    const output = new Channel<Buffer>();
    const printed = this.logs(since === undefined ? {} : { since });
    if (printed.length > 0) output.push(printed);
    if (!this.running) {
      output.end();
      return output;
    }
    this.#followers.add(output);
    signal.addEventListener('abort', () => output.end(signal.reason), { once: true });
    return output;
  }

  dropFollowers(error: Error): void {
    for (const follower of this.#followers) follower.end(error);
    this.#followers.clear();
  }

  nextExit(signal: AbortSignal): Promise<{ exitCode: number }> {
    const wait = Promise.withResolvers<{ exitCode: number }>();
    this.#exitWaits.add(wait);
    signal.addEventListener('abort', () => wait.reject(signal.reason), { once: true });
    wait.promise.catch(() => {});
    return wait.promise;
  }

  dropExitWaits(error: Error): void {
    for (const wait of this.#exitWaits) wait.reject(error);
    this.#exitWaits.clear();
  }

  /** What Docker does for a waiter when the container goes away. */
  removed(): void {
    for (const wait of this.#exitWaits) wait.resolve({ exitCode: this.#exitCode });
    this.#exitWaits.clear();
    this.dropConsoles();
  }

  logs({ tail, since }: { tail?: number; since?: number }): Buffer {
    const text = Buffer.concat(this.#log.filter(({ at }) => at >= (since ?? 0)).map(({ data }) => data)).toString(
      'utf8',
    );
    if (tail === undefined) return Buffer.from(text);
    const lines = text.split(/(?<=\n)/);
    return Buffer.from(lines.slice(Math.max(0, lines.length - tail)).join(''));
  }

  sample(seconds: number): StatsSample {
    const read = this.#time();
    return {
      read,
      preread: seconds === 0 ? '0001-01-01T00:00:00Z' : read,
      cpuTotal: 0,
      previousCpuTotal: 0,
      systemCpu: seconds * 1e9,
      previousSystemCpu: Math.max(0, seconds - 1) * 1e9,
      onlineCpus: 2,
      memoryUsage: 1024 * 1024,
      memoryLimit: this.resources.Memory ?? 0,
      inactiveFile: 0,
      networkRx: 0,
      networkTx: 0,
      blockRead: 0,
      blockWrite: 0,
      ...this.usage,
    };
  }

  #status(): string {
    if (this.paused) return 'paused';
    if (this.running) return 'running';
    return this.#finishedAt === '' ? 'created' : 'exited';
  }

  #time(): string {
    return new Date(this.#clock.now()).toISOString().replace('Z', '000000Z');
  }
}

function splitOnce(entry: string): [string, string] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}
