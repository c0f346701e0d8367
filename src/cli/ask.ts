// Questions to the person at the terminal. Asked on standard error, so that results stay alone on standard output.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CliError, exitCodes } from './exit-codes.ts';
import type { Io } from './io.ts';

export interface Question {
  text: string;
  /** What is typed is not shown. */
  hidden?: boolean;
}

/** Whether anybody is there to be asked. */
export function canAsk(io: Io): boolean {
  return io.stdin.isTTY && io.stderr.isTTY;
}

/** @throws CliError when the terminal is closed instead of an answer */
export async function ask(io: Io, { text, hidden = false }: Question): Promise<string> {
  io.stderr.write(`${text} `);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: io.stdin, output: hidden ? nowhere : io.stderr, terminal: io.stdin.isTTY });
  const closed = Promise.withResolvers<never>();
  lines.once('close', () => closed.reject(new CliError('No answer was given.', { exitCode: exitCodes.interrupted })));
  try {
    return (await Promise.race([lines.question(''), closed.promise])).trim();
  } finally {
    closed.promise.catch(() => undefined); // it was answered
    lines.close();
    if (hidden) io.stderr.write('\n');
  }
}

/** `fallback` is what Enter means. */
export async function confirm(io: Io, text: string, fallback: boolean): Promise<boolean> {
  for (;;) {
    const answer = (await ask(io, { text: `${text} (${fallback ? 'Y/n' : 'y/N'})` })).toLowerCase();
    if (answer === '') return fallback;
    if (['y', 'yes'].includes(answer)) return true;
    if (['n', 'no'].includes(answer)) return false;
  }
}
