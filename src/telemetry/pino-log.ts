// The logger of the daemon: JSON lines to standard error, or text when a person watches. Everything passes the redactor.
import { pino } from 'pino';
import type { Logger } from './log.ts';
import type { Redactor } from './redact.ts';
import { textLine } from './text-line.ts';

export interface LogOptions {
  level: 'debug' | 'info' | 'warn' | 'error';
  redactor: Redactor;
  /** A terminal gets text instead of JSON. */
  terminal: boolean;
  write(line: string): void;
}

export function createLogger({ level, redactor, terminal, write }: LogOptions): Logger {
  const destination = { write: (line: string) => write(redactor.text(terminal ? textLine(line) : line)) };
  return pino({ level, base: null }, destination);
}
