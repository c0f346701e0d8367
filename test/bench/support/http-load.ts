// Requests over connections that stay open, each with one request at a time, from a process of its own so that the CPU time
// of who answers is its own. Over plain sockets: the library's client costs more than what is measured. Only for answers
// with a Content-Length. `measureLoad` is for the benchmark; the rest of the file runs in the child.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { percentile } from './figure.ts';

export interface Load {
  port: number;
  /** In turns. */
  paths: readonly string[];
  token: string;
  connections: number;
  /** Before anything is counted. */
  warmUpMs: number;
  countedMs: number;
}

export interface LoadFigures {
  requests: number;
  /** From the first counted moment to the last. */
  seconds: number;
  /** ms */
  p50: number;
  p99: number;
}

/** `counted` is called when counting begins and when it ends. */
export async function measureLoad(load: Load, counted: (when: 'begin' | 'end') => void): Promise<LoadFigures> {
  const child = fork(import.meta.filename, { stdio: 'inherit', execArgv: ['--disable-warning=ExperimentalWarning'] });
  const result = Promise.withResolvers<LoadFigures>();
  child.on('message', (message: 'begin' | 'end' | LoadFigures) => {
    if (typeof message === 'string') counted(message);
    else result.resolve(message);
  });
  child.once('exit', (code) => result.reject(new Error(`the load ended with ${code}`)));
  child.send(load);
  const figures = await result.promise;
  child.disconnect();
  await once(child, 'exit');
  return figures;
}

const endOfHead = Buffer.from('\r\n\r\n');

async function putLoad({ port, paths, token, connections, warmUpMs, countedMs }: Load): Promise<LoadFigures> {
  const head = `HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\nAccept: */*\r\n\r\n`;
  const requests = paths.map((path) => `GET ${path} ${head}`);
  let asked = 0;
  const nextRequest = () => requests[asked++ % requests.length] ?? '';
  const answers: number[] = [];
  let counts = false;
  const clients = await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      socket.setNoDelay(true);
      return new Client(socket, nextRequest, (ms) => counts && answers.push(ms));
    }),
  );
  for (const client of clients) client.ask();
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  process.send?.('begin');
  const begun = performance.now();
  counts = true;
  await new Promise((resolve) => setTimeout(resolve, countedMs));
  counts = false;
  const seconds = (performance.now() - begun) / 1000;
  process.send?.('end');
  for (const client of clients) client.end();
  return { requests: answers.length, seconds, p50: percentile(answers, 50), p99: percentile(answers, 99) };
}

/** One connection. An answer that is not 200 ends the process. */
class Client {
  readonly #socket: Socket;
  readonly #nextRequest: () => string;
  readonly #answered: (ms: number) => void;
  #askedAt = 0;
  /** Bytes of the body that are still to come; undefined: the head is. */
  #left: number | undefined;
  #head: Buffer = Buffer.alloc(0);
  #ended = false;

  constructor(socket: Socket, nextRequest: () => string, answered: (ms: number) => void) {
    this.#socket = socket;
    this.#nextRequest = nextRequest;
    this.#answered = answered;
    socket.on('data', (piece: Buffer) => this.#read(piece));
  }

  ask(): void {
    this.#askedAt = performance.now();
    this.#socket.write(this.#nextRequest());
  }

  end(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  #read(piece: Buffer): void {
    let body = piece.length;
    if (this.#left === undefined) {
      const all = this.#head.length > 0 ? Buffer.concat([this.#head, piece]) : piece;
      const end = all.indexOf(endOfHead);
      if (end === -1) {
        this.#head = all;
        return;
      }
      this.#head = Buffer.alloc(0);
      const head = all.toString('latin1', 0, end);
      const length = /^content-length: *(\d+)/im.exec(head)?.[1];
      if (!head.startsWith('HTTP/1.1 200 ') || length === undefined) throw new Error(`no such answer: ${head}`);
      this.#left = Number(length);
      body = all.length - end - endOfHead.length;
    }
    this.#left -= body;
    if (this.#left > 0) return;
    this.#left = undefined;
    this.#answered(performance.now() - this.#askedAt);
    if (!this.#ended) this.ask();
  }
}

if (process.send && process.argv[1] === import.meta.filename) {
  const [load] = (await once(process, 'message')) as [Load];
  process.send(await putLoad(load));
}
