// The output of an installer from the log that Docker keeps: into the file of the installation, and line by line to whoever
// watches. A connection that breaks, and a daemon that was restarted, go on where the file ends; what Docker has thrown away
// meanwhile is missing, and nothing is told twice but lines in the very second of such a gap.
import { setImmediate as giveWay } from 'node:timers/promises';
import { sleep } from '../../src/clock/clock.ts';
import { LineSplitter } from '../../src/console/line-splitter.ts';
import { type ContainerInfo, DockerError } from '../../src/docker/engine.ts';
import type { Installation } from '../../src/resources/installation.ts';
import { type InstallationDeps, serverUuidOf, tell } from './deps.ts';
import type { InstallLog } from './install-log.ts';

const retryDelaysMs = [100, 250, 500, 1_000, 2_000, 5_000];

/** Docker's log begins with something else than the file: its begin was thrown away. */
class Rotated extends Error {}

export class InstallOutput {
  readonly #deps: InstallationDeps;
  readonly #installation: Installation;
  readonly #container: ContainerInfo;
  readonly #splitter = new LineSplitter();
  /** Undefined: it could not be opened, or written. */
  #log: InstallLog | undefined;
  /** Bytes of output that were taken. */
  #taken: number;
  #beginning: Buffer = Buffer.alloc(0);
  /** When output came last, wall clock in ms. */
  #lastAt: number | undefined;
  /** Docker's log cannot be counted from its begin any more. */
  #rotated = false;

  constructor(
    deps: InstallationDeps,
    {
      installation,
      container,
      log,
    }: { installation: Installation; container: ContainerInfo; log: InstallLog | undefined },
  ) {
    this.#deps = deps;
    this.#installation = installation;
    this.#container = container;
    this.#log = log;
    this.#taken = log?.kept ?? 0;
    this.#lastAt = log?.writtenAt;
  }

  /** Resolves when the container has ended and all of its output was taken, or the signal aborts. Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    const { clock, docker, log } = this.#deps;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const before = this.#taken;
      try {
        this.#beginning = (await this.#log?.beginning()) ?? this.#beginning;
        await this.#read(signal);
        if (!(await docker.inspectContainer(this.#container.id, signal))?.running) break;
      } catch (error) {
        // Whoever was removed prints no more.
        if (signal.aborted || (error instanceof DockerError && error.status === 404)) break;
        if (error instanceof Rotated) this.#rotated = true;
        else if (error instanceof DockerError && attempt >= retryDelaysMs.length) {
          log.warn({ err: error, installation: this.#name }, 'Docker does not give the output of an installer');
          break;
        } else log.debug({ err: error, attempt }, 'following the output of an installer was interrupted');
      }
      if (this.#taken > before) attempt = 0;
      await sleep(clock, retryDelaysMs[attempt] ?? 5_000, signal).catch(() => undefined);
    }
    for (const line of this.#splitter.flush()) this.#show(line);
  }

  get #name(): string {
    return this.#installation.metadata.name;
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { id, tty } = this.#container;
    const since = this.#rotated && this.#lastAt !== undefined ? { since: this.#lastAt / 1000 } : {};
    const output = await this.#deps.docker.followLogs(id, { tty, ...since, signal });
    let toSkip = this.#rotated ? 0 : this.#taken;
    let read = 0;
    for await (const piece of output) {
      if (!this.#rotated) this.#compare(piece, read);
      read += piece.length;
      const fresh = piece.subarray(Math.min(toSkip, piece.length));
      toSkip -= piece.length - fresh.length;
      if (fresh.length > 0) await this.#take(fresh);
      signal.throwIfAborted();
    }
  }

  /** @throws Rotated */
  #compare(piece: Buffer, at: number): void {
    const known = this.#beginning.subarray(at, at + piece.length);
    if (!known.equals(piece.subarray(0, known.length))) throw new Rotated();
  }

  async #take(output: Buffer): Promise<void> {
    this.#taken += output.length;
    this.#lastAt = this.#deps.clock.now();
    if (!this.#log && this.#beginning.length < 4096) this.#beginning = Buffer.concat([this.#beginning, output]);
    try {
      await this.#log?.append(output);
    } catch (error) {
      this.#deps.log.warn({ err: error, installation: this.#name }, 'the output of an installer could not be written');
      tell(this.#deps, this.#installation, 'Warning', 'LogIncomplete', 'The output could not be written to its file.');
      this.#log = undefined;
    }
    for (const line of this.#splitter.push(output)) this.#show(line);
    // Those who watch, and everybody else, have a turn between two pieces of a flood.
    await giveWay();
  }

  #show(line: Buffer): void {
    const text = line.toString('utf8');
    this.#deps.bus.publish(serverUuidOf(this.#installation), 'install', { step: 'output', text });
  }
}
