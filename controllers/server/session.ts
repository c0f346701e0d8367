// One running container under our eyes: its console, its usage, its exit. A session only gathers facts and says that
// there is something new; what follows from them is decided elsewhere. A broken connection is not an exit: each of the
// three streams is opened again by itself, and the console's gap is filled from the container's log.
import { setImmediate as giveWay } from 'node:timers/promises';
import type { Bus } from '../../src/bus/bus.ts';
import { type Clock, sleep } from '../../src/clock/clock.ts';
import type { ConsoleHistory } from '../../src/console/history.ts';
import { LineSplitter } from '../../src/console/line-splitter.ts';
import {
  type AttachedConsole,
  type DockerEngine,
  DockerError,
  DockerUnreachableError,
} from '../../src/docker/engine.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import { DoneMatcher } from './done-matcher.ts';
import { LiveOverlap, missingLines } from './line-overlap.ts';
import { uptimeAfter, uptimeAtOpen, usageOf } from './usage.ts';

export interface SessionDeps {
  docker: DockerEngine;
  bus: Bus;
  history: ConsoleHistory;
  clock: Clock;
  log: Logger;
}

export interface SessionTarget {
  uuid: string;
  containerId: string;
  tty: boolean;
  stdin: boolean;
  /** Absent: the process is up already, nothing waits for a done line. */
  done?: { rules: readonly string[]; stripAnsi: boolean };
}

const retryDelaysMs = [100, 250, 500, 1_000, 2_000, 5_000];

/** Lines kept to see where a log and a live stream overlap. */
const overlapLines = 64;

/** What a stream that was opened again has in common with the log arrives at once; later lines, in ms, are new. */
const overlapMs = 1_000;

/** Bytes in one piece that only a flood brings. */
const floodBytes = 16 * 1024;

const nothing = () => {};

/** A stream ends with its process; one that does not is waited for so long, ms. */
const lastWordsMs = 2_000;

/** The status of a write to a console whose connection has ended. */
const consoleGone = 410;

/** How long a write waits for a console that is being attached again: twice the longest pause between two attempts. */
const writePatienceMs = 10_000;

export class Session {
  readonly target: SessionTarget;
  /** Docker's word that the process ended, and how. */
  exit: { exitCode: number } | undefined;
  /** Docker was away since the container was last seen running: an exit now was not seen happening. */
  interrupted = false;
  doneSeen = false;

  readonly #deps: SessionDeps;
  readonly #onChange: () => void;
  readonly #closing = new AbortController();
  readonly #recent: string[] = [];
  readonly #pauses = new Set<AbortController>();
  #console: AttachedConsole | undefined;
  /** Resolves when the console stream that is open has ended or broke. */
  #reading: Promise<void> = Promise.resolve();
  #attachedAgain = Promise.withResolvers<void>();
  #splitter = new LineSplitter();
  #overlap = new LiveOverlap([]);
  #matcher: DoneMatcher | undefined;
  #lastOutputAt: number;

  /** `onChange` is called when a fact changed: done line, exit, a broken connection. */
  constructor(deps: SessionDeps, target: SessionTarget, onChange: () => void) {
    this.#deps = deps;
    this.target = target;
    this.#onChange = onChange;
    this.#lastOutputAt = deps.clock.now();
    if (target.done) this.#arm(target.done);
  }

  /** Attaches and begins to wait for the exit. Before the container starts, so that nothing is lost. @throws DockerError, DockerUnreachableError */
  async open(): Promise<void> {
    await this.#watchExit();
    this.#console = await this.#attach();
    void this.#followOutput(this.#console);
  }

  /** As `open`, for a process that runs: one that is paused has no console before it goes on. @throws DockerUnreachableError */
  async openRunning(): Promise<void> {
    await this.#watchExit();
    try {
      this.#console = await this.#attach();
    } catch (error) {
      if (!(error instanceof DockerError)) throw error;
      this.#deps.log.warn({ err: error }, 'the console of a running container cannot be had yet');
    }
    void this.#followOutput(this.#console);
  }

  /** Call once the process runs; before, there is nothing to measure. `startedAt` is RFC 3339. */
  followUsage(startedAt: string): void {
    void this.#followUsage(startedAt);
  }

  /** What was printed earlier and is not shown again. With a done line awaited, its rules have a look at them. */
  recall(lines: readonly Buffer[]): void {
    for (const line of lines) {
      // What comes when the console can be had begins behind these.
      if (!this.#console) this.#remember(line.toString('utf8'));
      this.#matcher?.push(line);
    }
  }

  /** Writes to the process, in order. @throws DockerError when no console can be had */
  async write(data: Buffer): Promise<void> {
    const attached = this.#console ?? (await this.#attachedSoon());
    try {
      await attached.write(data);
    } catch (error) {
      const isBroken = error instanceof DockerError && error.status === consoleGone && this.target.stdin;
      if (!isBroken || this.exit || this.#closing.signal.aborted) throw error;
      // Nothing of it was taken, and whoever reads the stream is about to notice that it broke.
      if (this.#console === attached) this.#console = undefined;
      await (this.#console ?? (await this.#attachedSoon())).write(data);
    }
  }

  /** Shows the last words of a process that has ended, also those without the end of a line. */
  async drain(): Promise<void> {
    const patience = new AbortController();
    const tooLong = sleep(this.#deps.clock, lastWordsMs, patience.signal).catch(nothing);
    await Promise.race([this.#reading, tooLong]);
    patience.abort();
    this.#showHeldBack();
  }

  /** Docker is back: what broke is tried again now, not at the end of its pause. */
  hurry(): void {
    for (const pause of this.#pauses) pause.abort();
  }

  /** Stops watching; the process goes on. */
  close(): void {
    this.#closing.abort(new Error('the session was closed'));
    this.#matcher?.close();
    this.#console?.close();
    this.#console = undefined;
    this.#attachedAgain.resolve();
  }

  #arm(done: NonNullable<SessionTarget['done']>): void {
    this.#matcher = new DoneMatcher({
      rules: done.rules,
      stripAnsi: done.stripAnsi,
      log: this.#deps.log,
      onDone: () => {
        this.doneSeen = true;
        this.#matcher?.close();
        this.#matcher = undefined;
        this.#onChange();
      },
    });
  }

  async #watchExit(): Promise<void> {
    const wait = await this.#deps.docker.openExitWait(this.target.containerId, this.#closing.signal);
    void this.#followExit(wait.exit);
  }

  async #followExit(first: Promise<{ exitCode: number }>): Promise<void> {
    const { docker } = this.#deps;
    const { signal } = this.#closing;
    let exit: Promise<{ exitCode: number }> | undefined = first;
    await this.#persistently(
      'waiting for the exit of a container was interrupted',
      () => this.#interrupt(),
      async () => {
        if (!exit) {
          if (!(await this.#isRunning())) return 'ended';
          exit = (await docker.openExitWait(this.target.containerId, signal)).exit;
        }
        const current = exit;
        exit = undefined;
        this.exit = await current;
        return 'ended';
      },
    );
    if (!signal.aborted) this.#onChange();
  }

  async #followOutput(first: AttachedConsole | undefined): Promise<void> {
    const { signal } = this.#closing;
    let attached = first;
    await this.#persistently('the console stream broke', nothing, async () => {
      if (!attached) {
        if (!(await this.#isRunning())) return 'ended';
        attached = await this.#attachAgain();
      }
      const current = attached;
      attached = undefined;
      try {
        const reading = this.#read(current);
        this.#reading = reading.then(nothing, nothing);
        await reading;
      } finally {
        if (this.#console === current) this.#console = undefined;
      }
      return 'again';
    });
    if (signal.aborted) return;
    this.#showHeldBack();
    this.#onChange();
  }

  async #followUsage(startedAt: string): Promise<void> {
    const { docker, bus, clock } = this.#deps;
    await this.#persistently('the usage stream broke', nothing, async () => {
      if (this.exit || !(await this.#isRunning())) return 'ended';
      let uptimeMs = uptimeAtOpen(startedAt, clock.now());
      for await (const sample of docker.containerStats(this.target.containerId, this.#closing.signal)) {
        uptimeMs = uptimeAfter(uptimeMs, sample);
        bus.publish(this.target.uuid, 'usage', usageOf(sample, uptimeMs));
      }
      return 'again';
    });
  }

  /** Repeats until the work says that it ended or the session is closed; back-off starts anew after a quiet time. */
  async #persistently(
    complaint: string,
    onUnreachable: () => void,
    work: () => Promise<'again' | 'ended'>,
  ): Promise<void> {
    const { clock, log } = this.#deps;
    const { signal } = this.#closing;
    let attempt = 0;
    while (!signal.aborted) {
      const begun = clock.monotonic();
      try {
        if ((await work()) === 'ended') return;
      } catch (error) {
        if (signal.aborted) return;
        log.debug({ err: error, attempt }, complaint);
        if (error instanceof DockerUnreachableError) onUnreachable();
      }
      const longest = retryDelaysMs.at(-1) ?? 0;
      attempt = clock.monotonic() - begun > longest ? 0 : attempt + 1;
      await this.#pause(retryDelaysMs[attempt] ?? longest);
    }
  }

  /** Ends early when the session is closed, and by `hurry`. */
  async #pause(ms: number): Promise<void> {
    const pause = new AbortController();
    this.#pauses.add(pause);
    await sleep(this.#deps.clock, ms, AbortSignal.any([this.#closing.signal, pause.signal])).catch(() => undefined);
    this.#pauses.delete(pause);
  }

  /** A broken console or usage stream says nothing about the exit; a broken wait for it does. */
  #interrupt(): void {
    this.interrupted = true;
    this.#onChange();
  }

  async #isRunning(): Promise<boolean> {
    const container = await this.#deps.docker.inspectContainer(this.target.containerId, this.#closing.signal);
    return container?.running ?? false;
  }

  #attach(): Promise<AttachedConsole> {
    const { containerId, tty, stdin } = this.target;
    return this.#deps.docker.attachContainer(containerId, { tty, stdin });
  }

  async #attachAgain(): Promise<AttachedConsole> {
    const attached = await this.#attach();
    const missed = await this.#gap();
    this.#showAll(missed);
    if (this.#closing.signal.aborted) {
      attached.close();
      return attached;
    }
    this.#splitter = new LineSplitter();
    const overlap = new LiveOverlap(missed.map(String));
    this.#overlap = overlap;
    this.#deps.clock.after(overlapMs, () => {
      // What a broken stream held back stands in the log.
      if (this.#overlap === overlap) this.#showAll(overlap.end());
    });
    this.#console = attached;
    this.#attachedAgain.resolve();
    this.#attachedAgain = Promise.withResolvers();
    this.#deps.log.info({}, 'the console is attached again');
    return attached;
  }

  /** What was printed while nobody listened. */
  async #gap(): Promise<Buffer[]> {
    const { docker, log } = this.#deps;
    const { containerId, tty } = this.target;
    try {
      // A second before the last byte: Docker stamps lines with its own clock.
      const printed = await docker.containerLogs(containerId, { tty, since: this.#lastOutputAt / 1000 - 1 });
      const splitter = new LineSplitter();
      return missingLines(this.#recent, [...splitter.push(printed), ...splitter.flush()]);
    } catch (error) {
      log.warn({ err: error }, 'the console gap could not be filled from the log');
      return [];
    }
  }

  /** @throws DockerError when there is none for too long */
  async #attachedSoon(): Promise<AttachedConsole> {
    const patience = new AbortController();
    const timeout = sleep(this.#deps.clock, writePatienceMs, patience.signal).catch(() => undefined);
    await Promise.race([this.#attachedAgain.promise, timeout]);
    patience.abort();
    if (!this.#console) throw new DockerError(409, 'no console is attached');
    return this.#console;
  }

  async #read(attached: AttachedConsole): Promise<void> {
    for await (const chunk of attached.output) {
      this.#lastOutputAt = this.#deps.clock.now();
      for (const line of this.#splitter.push(chunk)) this.#showAll(this.#overlap.push(line));
      // As long as each piece is taken at once the system hands over up to 2 MiB before anybody else has a turn.
      if (chunk.length >= floodBytes) await giveWay();
    }
  }

  #showHeldBack(): void {
    this.#showAll(this.#overlap.end());
    this.#showAll(this.#splitter.flush());
  }

  #showAll(lines: readonly Buffer[]): void {
    for (const line of lines) this.#show(line);
  }

  #show(line: Buffer): void {
    const text = line.toString('utf8');
    this.#remember(text);
    this.#deps.bus.publish(this.target.uuid, 'console', { source: 'output', text });
    this.#matcher?.push(line);
  }

  #remember(text: string): void {
    this.#recent.push(text);
    if (this.#recent.length > overlapLines) this.#recent.shift();
  }
}
