// Brings an archive into a file, on from where an earlier attempt stopped: over broken connections by itself, over
// an end of this program the next time it is run.
import { open } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BackupArchive } from '../../resources/backup.ts';
import { backupKind } from '../../resources/kinds.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { type Io, say } from '../io.ts';
import { ApiError, type KubeClient } from '../kube-client.ts';
import { bytesText } from '../units.ts';
import { RateEstimate } from './rate.ts';
import { barView, type OperationView } from './views.ts';

export interface DownloadOptions {
  io: Io;
  client: KubeClient;
  /** Of the backup. */
  name: string;
  archive: BackupArchive;
  /** Where the bytes go; what is in it already is the beginning of the same archive. */
  partial: string;
}

/** In a row without a byte. */
const mostFailures = 6;
const firstPauseMs = 500;
/** ms without a byte. */
const silenceMs = 60_000;
const redrawMs = 100;

export class Download {
  readonly #options: DownloadOptions;
  readonly #rate = new RateEstimate();
  readonly #view: OperationView | undefined;
  #at = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;

  constructor(options: DownloadOptions) {
    this.#options = options;
    const { io } = options;
    // Standard output is for results; how far it is, is talk.
    if (io.stderr.isTTY && io.env['TERM'] !== 'dumb') this.#view = barView({ io, rate: this.#rate }, io.stderr);
  }

  /** Resolves when the file has as many bytes as the archive. @throws CliError */
  async run(): Promise<void> {
    const { io, partial, name } = this.#options;
    const file = await open(partial, 'a+', 0o600).catch((error: NodeJS.ErrnoException) => {
      throw new CliError(`${partial} cannot be written (${error.code ?? error.message}).`, { cause: error });
    });
    try {
      this.#at = (await file.stat()).size;
      if (this.#at > 0) say(io, `${partial} has ${bytesText(this.#at)} already; going on from there.`);
      for (let failures = 0; ; ) {
        const before = this.#at;
        try {
          await this.#attempt(file);
          return;
        } catch (error) {
          if (io.gone.aborted || !isPassing(error)) throw error;
          failures = this.#at > before ? 1 : failures + 1;
          if (failures >= mostFailures)
            throw new CliError(
              `The download of ${name} broke off at ${bytesText(this.#at)}: ${(error as Error).message} Run it again to go on from there.`,
              { exitCode: exitCodes.unreachable, cause: error },
            );
          this.#view?.notice(`${(error as Error).message} Going on …`);
          await sleep(firstPauseMs * 2 ** (failures - 1));
        }
      }
    } finally {
      this.#view?.close();
      await file.close();
    }
  }

  async #attempt(file: Awaited<ReturnType<typeof open>>): Promise<void> {
    const { io, client, name, archive } = this.#options;
    if (this.#at > archive.size) await this.#startOver(file); // the beginning of something else
    if (this.#at === archive.size) return;
    const headers = this.#at > 0 ? { range: `bytes=${this.#at}-`, 'if-range': `"${archive.checksum}"` } : {};
    const answer = await client.open(backupKind, name, 'archive', { signal: io.gone, headers });
    try {
      if (this.#at > 0 && answer.statusCode !== 206) await this.#startOver(file);
      for await (const chunk of chunksOf(answer)) {
        await file.writeFile(chunk).catch((error: NodeJS.ErrnoException) => {
          throw new CliError(`${this.#options.partial} cannot be written (${error.code ?? error.message}).`, {
            cause: error,
          });
        });
        this.#at += chunk.length;
        this.#show();
      }
      if (this.#at < archive.size) throw broken(new Error('it ended early'));
    } finally {
      answer.destroy();
    }
  }

  async #startOver(file: Awaited<ReturnType<typeof open>>): Promise<void> {
    await file.truncate(0);
    this.#at = 0;
    this.#rate.reset();
  }

  #show(): void {
    const now = performance.now();
    const { size } = this.#options.archive;
    this.#rate.add(this.#at, now);
    if (now - this.#drawnAt < redrawMs && this.#at < size) return;
    this.#drawnAt = now;
    const percentage = Math.floor((this.#at * 100) / size);
    this.#view?.show({
      ...{ phase: 'Downloading', finished: false },
      ...{ percentage, bytesWritten: this.#at, bytesTotal: size },
    });
  }
}

async function* chunksOf(answer: IncomingMessage): AsyncGenerator<Buffer> {
  answer.setTimeout(silenceMs, () => answer.destroy(new Error(`nothing came for ${silenceMs / 1_000} s`)));
  try {
    for await (const chunk of answer) yield chunk as Buffer;
  } catch (error) {
    throw broken(error);
  }
}

function broken(error: unknown): CliError {
  return new CliError(`The connection is lost (${(error as Error).message}).`, {
    exitCode: exitCodes.unreachable,
    cause: error,
  });
}

/** Whether another try may help. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof CliError)) return false;
  return error.exitCode === exitCodes.unreachable || (error instanceof ApiError && error.status === 429);
}
