// The console of a container: one hijacked connection, bytes out, bytes in. Output is read only as fast as the reader
// takes it; input is bounded too, because a process that never reads would let it pile up here.
import type { Duplex } from 'node:stream';
import type { Connection } from './connection.ts';
import { pathOf } from './containers.ts';
import { type AttachedConsole, DockerError } from './engine.ts';
import { withoutFrames } from './frames.ts';

/** Docker scans the input of a terminal for these to detach; nobody types this one. */
const detachKeys = Array(8).fill('ctrl-_').join(',');
/** The kernel and Docker hold some 200 KiB before anything waits here. */
const maxUnsentBytes = 1024 * 1024;
const gone = 410;
const inputFull = 503;

/** @throws DockerError, DockerUnreachableError */
export async function attach(
  connection: Connection,
  id: string,
  { tty, stdin }: { tty: boolean; stdin: boolean },
): Promise<AttachedConsole> {
  const socket = await connection.hijack({
    method: 'POST',
    path: `${pathOf(id)}/attach`,
    query: { stream: true, stdout: true, stderr: true, stdin, detachKeys },
    headers: { 'Content-Type': 'text/plain' },
  });
  return new HijackedConsole(socket, connection, tty, stdin);
}

class HijackedConsole implements AttachedConsole {
  readonly output: AsyncIterable<Buffer>;
  readonly #socket: Duplex;
  readonly #connection: Connection;
  readonly #stdin: boolean;
  #closed = false;

  constructor(socket: Duplex, connection: Connection, tty: boolean, stdin: boolean) {
    this.#socket = socket;
    this.#connection = connection;
    this.#stdin = stdin;
    this.output = this.#read(tty);
  }

  write(data: Buffer): Promise<void> {
    if (!this.#stdin) return Promise.reject(new DockerError(gone, 'the console takes no input'));
    if (this.#closed || !this.#socket.writable) return Promise.reject(new DockerError(gone, 'the console is gone'));
    if (this.#socket.writableLength + data.length > maxUnsentBytes) {
      return Promise.reject(new DockerError(inputFull, 'the process does not read its input'));
    }
    return new Promise((resolve, reject) => {
      this.#socket.write(data, (error) => {
        if (error) reject(new DockerError(gone, `the console is gone: ${error.message}`, { cause: error }));
        else resolve();
      });
    });
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  async *#read(tty: boolean): AsyncGenerator<Buffer> {
    const bytes = this.#socket as AsyncIterable<Buffer>;
    try {
      yield* tty ? bytes : withoutFrames(bytes);
    } catch (error) {
      if (this.#closed) return;
      throw this.#connection.explain(error, undefined);
    } finally {
      this.close();
    }
  }
}
