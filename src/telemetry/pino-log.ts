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
  /** Gets the same lines, always as JSON. */
  alsoWrite?: (line: string) => void;
}

export function createLogger({ level, redactor, terminal, write, alsoWrite }: LogOptions): Logger {
  const destination = {
    write(line: string) {
      const redacted = redactor.text(line);
      write(terminal ? redactor.text(textLine(line)) : redacted);
      alsoWrite?.(redacted);
    },
  };
  return pino({ level, base: null }, destination);
}
