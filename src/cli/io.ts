// Where a command reads and writes: results go to standard output, talk to standard error, so that a pipe gets only
// results. Whoever reads may go away at any moment (`| head`): then `gone` aborts and what is written is dropped.
import { styleText } from 'node:util';
import { type Environment, processEnvironment } from '../config/environment.ts';

export interface Io {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Environment;
  /** Nobody reads the results any more. */
  readonly gone: AbortSignal;
}

/** The streams of this process. Call it once. */
export function processIo(): Io {
  const gone = new AbortController();
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (stream === process.stdout) gone.abort();
    });
  }
  return {
    // Opened only by who reads: an open one keeps the process alive.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: processEnvironment,
    gone: gone.signal,
  };
}

/** A line of the result. */
export function print(io: Pick<Io, 'stdout'>, line: string): void {
  io.stdout.write(`${line}\n`);
}

/** A line for the person, beside the result. */
export function say(io: Pick<Io, 'stderr'>, line: string): void {
  io.stderr.write(`${line}\n`);
}

type Style = Parameters<typeof styleText>[0];

/** Coloured on a terminal, unless NO_COLOR is set or it is a dumb one. */
export function styled(io: Pick<Io, 'env'>, stream: NodeJS.WriteStream, style: Style, text: string): string {
  const { NO_COLOR: noColor, TERM: terminal } = io.env;
  if (!stream.isTTY || (noColor !== undefined && noColor !== '') || terminal === 'dumb') return text;
  return styleText(style, text, { validateStream: false });
}
