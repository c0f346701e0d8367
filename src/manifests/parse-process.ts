// Parses manifests in a process of its own, because the YAML library needs ten seconds and a gigabyte for some texts of
// 1 MiB. The event loop never waits for a text, and one that takes too long or too much memory is a mistake of its file.
// A thread would not do: one that runs out of memory can take the daemon along. The process starts with the first text
// and gets nothing of the daemon's environment; `rest` ends it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Clock } from '../clock/clock.ts';
import type { ParsedDocument } from './documents.ts';

/** For a text, the start of the process included; honest ones of 1 MiB take two seconds at most. */
const maxParseMs = 5_000;

/** An honest text of 1 MiB needs some 200 MB. */
const maxHeapMb = 384;

const program = fileURLToPath(new URL('./parse-child.ts', import.meta.url));

export class ParseProcess {
  readonly #clock: Clock;
  #child: ChildProcess | undefined;
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * One at a time. Never rejects: whatever goes wrong is a mistake of the text. `gaveUp`: it was not read to its end, and
   * may be another time.
   */
  async parse(text: string): Promise<{ documents: ParsedDocument[]; gaveUp: boolean }> {
    try {
      return { documents: await this.#ask(text), gaveUp: false };
    } catch (error) {
      await this.rest();
      const reason = error instanceof Error ? error.message : String(error);
      return { documents: [{ mistake: { message: `the file cannot be read: ${reason}` } }], gaveUp: true };
    }
  }

  /** Ends the process; the next text starts another. */
  async rest(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** What is being read is given up, and nothing is read any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.rest();
  }

  async #ask(text: string): Promise<ParsedDocument[]> {
    if (this.#closed) throw new Error('the daemon is going down');
    this.#child ??= start();
    const child = this.#child;
    const end = new AbortController();
    try {
      return await new Promise((resolve, reject) => {
        const onMessage = (reply: unknown) => resolve(reply as ParsedDocument[]);
        const onExit = () => reject(new Error(`it takes more memory than ${maxHeapMb} MB, or its reader was ended`));
        const cancel = this.#clock.after(maxParseMs, () =>
          reject(new Error(`it takes longer than ${maxParseMs / 1000} s`)),
        );
        child.once('message', onMessage).once('error', reject).once('exit', onExit);
        end.signal.addEventListener('abort', () => {
          cancel();
          child.off('message', onMessage).off('error', reject).off('exit', onExit);
        });
        child.send(text, (error) => error && reject(error));
      });
    } finally {
      end.abort();
    }
  }
}

function start(): ChildProcess {
  const child = fork(program, [], {
    env: {},
    execArgv: [`--max-old-space-size=${maxHeapMb}`],
    // Maps, and texts that JSON would blow up.
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  // While a text is parsed, the error is heard there; between two there is nothing to fail.
  child.on('error', () => {});
  return child;
}
