// What one server's watchers see, in one order for all of them: every message is serialised once, and lines that come
// in quick succession travel together. Whoever joins gets what comes from then on; the past is a separate question.
import type { ActivityMessage, InstallMessage, OperationCompletion, OperationProgress, Usage } from '../bus/bus.ts';
import type { Clock } from '../clock/clock.ts';
import type { ProcessState } from '../resources/server.ts';
import { daemonLine } from './daemon-line.ts';
import { FeatureMatcher, type FeatureRules } from './feature-matcher.ts';
import type { Encode, Frame } from './frame.ts';
import { installFrame } from './install-frames.ts';
import { type LineThrottle, throttleText } from './line-throttle.ts';
import { type ForkOptions, OperationFrames, type ShownState, shownState } from './operation-frames.ts';
import { Operations } from './operations.ts';

/** Must be quick and must not throw: it stands between the process and all others who watch. */
export type Watcher = (frame: Frame) => void;

export interface FeedOptions {
  appName: string;
  clock: Clock;
  encode: Encode;
  throttle: LineThrottle;
  fork: ForkOptions;
  /** The state that is known so far. */
  state: ProcessState;
  /** Bytes below the server's directory, at the last count. */
  diskBytes(): number;
  /** What the egg says now; the same object as long as it says the same. */
  features(): FeatureRules | undefined;
}

/** Bytes of lines that travel together at most: small enough that dropping some drops few. */
const batchBytes = 32 * 1024;

/** A second: a directory that is deleted by SFTP is one activity a file. */
const mostActivities = 20;

/** A second: a page asks its Panel for help with each. */
const mostFeatures = 4;

const idle: Usage = {
  cpuAbsolute: 0,
  memoryBytes: 0,
  memoryLimitBytes: 0,
  networkRxBytes: 0,
  networkTxBytes: 0,
  blockReadBytes: 0,
  blockWriteBytes: 0,
  uptimeMs: 0,
};

export class ServerFeed {
  readonly #options: FeedOptions;
  readonly #watchers = new Set<Watcher>();
  readonly #operations = new Operations();
  readonly #operationFrames: OperationFrames;
  #state: ProcessState;
  #usage = idle;
  #featureRules: FeatureRules | undefined;
  #featureMatcher: FeatureMatcher | undefined;
  /** Lines that wait for the end of this turn of the event loop. */
  #lines: Buffer[] = [];
  #lineBytes = 0;
  #linesPrinted = false;
  #flushing: NodeJS.Immediate | undefined;

  constructor(options: FeedOptions) {
    this.#options = options;
    this.#operationFrames = new OperationFrames(options.encode, options.fork);
    this.#state = options.state;
  }

  get state(): ProcessState {
    return this.#state;
  }

  /** The last sample of the process that runs; nothing of one that is gone. */
  get usage(): Usage | undefined {
    return this.#state === 'offline' ? undefined : this.#usage;
  }

  get watched(): boolean {
    return this.#watchers.size > 0;
  }

  /** The answer ends it. */
  join(watcher: Watcher): () => void {
    this.flush();
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** A state that is known already is told nobody. */
  changeState(state: ProcessState): void {
    if (state === this.#state) return;
    this.#state = state;
    if (state === 'starting') this.#options.throttle.reset();
    if (state === 'offline') this.#usage = { ...idle, memoryLimitBytes: this.#usage.memoryLimitBytes };
    if (this.#status === state) this.#tell(() => this.status());
    if (state === 'offline') this.#tell(() => this.stats());
    this.#tell(() => this.#serverStatus());
  }

  /** What watches later hears of it too. */
  advance(progress: OperationProgress): void {
    this.#changeOperations(() => this.#operations.advance(progress));
    this.#tell(() => this.#operationFrames.progress(progress));
  }

  /** The state that it was comes after all that tells of its end. */
  complete(completion: OperationCompletion): void {
    this.#changeOperations(() => {
      this.#operations.end(completion.operation);
      this.#tell(() => this.#operationFrames.completion(completion));
    });
  }

  showRestoring(path: string): void {
    this.#tell(() => this.#operationFrames.restoring(path));
  }

  /** A late sample of a process that is gone says nothing. */
  measure(usage: Usage): void {
    if (this.#state === 'offline') return;
    this.#usage = usage;
    this.#tell(() => this.stats());
  }

  print(text: string): void {
    const verdict = this.#options.throttle.judge();
    if (verdict === 'pass') this.#line(text, true);
    else if (verdict === 'tell') this.say(throttleText);
    this.#lookForFeatures(text);
  }

  /** A line of the daemon's own. */
  say(text: string): void {
    this.#line(daemonLine(this.#options.appName, text), false);
  }

  showPull(text: string): void {
    this.showInstall({ step: 'output', text });
  }

  showInstall(message: InstallMessage): void {
    this.#tell(() => installFrame(this.#options.encode, message));
  }

  /** Names of files and commands are in it. Nobody waits for one that a slow connection left out. */
  showActivity({ event, user, metadata, timestamp }: ActivityMessage): void {
    const json = JSON.stringify({ event, user, metadata, timestamp });
    const gate = { permission: 'activity.read', mostPerSecond: mostActivities } as const;
    this.#tell(() => this.#frame('activity', [json], { delivery: 'latest', ...gate }));
  }

  status(): Frame {
    return this.#frame('status', [this.#status]);
  }

  stats(): Frame {
    const { encode, diskBytes } = this.#options;
    const json = JSON.stringify(statsOf(this.#usage, this.#state, diskBytes()));
    return { bytes: encode('stats', [json]), delivery: 'latest', name: 'stats' };
  }

  /** What runs beside the process, and how far it is. */
  operations(): Frame[] {
    const progress = this.#operations.latest.flatMap((one) => this.#operationFrames.progress(one));
    return [...this.#serverStatus(), ...progress];
  }

  /** The same lines for one reader, who asked for the past. */
  past(lines: readonly string[]): Frame[] {
    const frames: Frame[] = [];
    let batch: Buffer[] = [];
    let bytes = 0;
    for (const line of lines) {
      const message = this.#options.encode('console output', [line]);
      batch.push(message);
      bytes += message.length;
      if (bytes < batchBytes) continue;
      frames.push(linesFrame(batch, bytes, true));
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) frames.push(linesFrame(batch, bytes, true));
    return frames;
  }

  /** Sends the lines that wait. */
  flush(): void {
    if (this.#flushing) clearImmediate(this.#flushing);
    this.#flushing = undefined;
    if (this.#lines.length === 0) return;
    const frame = linesFrame(this.#lines, this.#lineBytes, this.#linesPrinted);
    this.#lines = [];
    this.#lineBytes = 0;
    for (const watcher of this.#watchers) watcher(frame);
  }

  #line(text: string, printed: boolean): void {
    if (!this.watched) return;
    if (printed !== this.#linesPrinted) this.flush();
    const message = this.#options.encode('console output', [text]);
    this.#linesPrinted = printed;
    this.#lines.push(message);
    this.#lineBytes += message.length;
    if (this.#lineBytes >= batchBytes) this.flush();
    else this.#flushing ??= setImmediate(() => this.flush());
  }

  /** In lines of a process that is up, also in those that are shown nobody; no more of them than the matcher takes. */
  #lookForFeatures(text: string): void {
    if (!this.watched || (this.#state !== 'starting' && this.#state !== 'running')) return;
    const rules = this.#options.features();
    if (rules !== this.#featureRules) this.#featureMatcher = rules && new FeatureMatcher(rules, this.#options.clock);
    this.#featureRules = rules;
    const match = this.#featureMatcher?.match(text);
    if (!match) return;
    const options = { delivery: 'latest', series: `feature ${match.key}`, mostPerSecond: mostFeatures } as const;
    this.#tell(() => this.#frame('feature match', [JSON.stringify(match)], options));
  }

  /** That of the process, unless an operation is to take its place. */
  get #status(): ShownState {
    return this.#options.fork.forkStatus ? shownState(this.#state, this.#operations.shown) : this.#state;
  }

  #serverStatus(): Frame[] {
    return this.#operationFrames.serverStatus(this.#state, this.#operations.shown);
  }

  /** Tells when the server shows something else than before. */
  #changeOperations(change: () => void): void {
    const [status, operation] = [this.#status, this.#operations.shown?.operation];
    change();
    if (this.#operations.shown?.operation === operation) return;
    if (this.#status !== status) this.#tell(() => this.status());
    this.#tell(() => this.#serverStatus());
  }

  /** Nothing is serialised for nobody. */
  #tell(make: () => Frame | Frame[]): void {
    if (!this.watched) return;
    this.flush();
    for (const frame of [make()].flat()) for (const watcher of this.#watchers) watcher(frame);
  }

  #frame(event: string, args: readonly string[], options: Partial<Frame> = {}): Frame {
    return { bytes: this.#options.encode(event, args), delivery: 'keep', name: event, ...options };
  }
}

function linesFrame(lines: Buffer[], bytes: number, printed: boolean): Frame {
  const whole = lines.length === 1 ? (lines[0] ?? Buffer.alloc(0)) : Buffer.concat(lines, bytes);
  return { bytes: whole, delivery: 'lines', name: 'console output', printed };
}

/** The names of the wire. */
function statsOf(usage: Usage, state: ProcessState, diskBytes: number) {
  return {
    memory_bytes: usage.memoryBytes,
    memory_limit_bytes: usage.memoryLimitBytes,
    cpu_absolute: usage.cpuAbsolute,
    network: { rx_bytes: usage.networkRxBytes, tx_bytes: usage.networkTxBytes },
    disk_io: { read_bytes: usage.blockReadBytes, write_bytes: usage.blockWriteBytes },
    uptime: Math.round(usage.uptimeMs),
    state,
    disk_bytes: diskBytes,
  };
}
