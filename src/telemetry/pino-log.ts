// The logger of the daemon: JSON lines to standard error, or text when a person watches. Everything passes the redactor;
// a message that repeats is sampled.
import { pino } from 'pino';
import { type Clock, systemClock } from '../clock/clock.ts';
import type { Logger } from './log.ts';
import type { Redactor } from './redact.ts';
import { Sampler } from './sampler.ts';
import { textLine } from './text-line.ts';

export interface LogOptions {
  level: 'debug' | 'info' | 'warn' | 'error';
  redactor: Redactor;
  /** A terminal gets text instead of JSON. */
  terminal: boolean;
  write(line: string): void;
  /** Gets the same lines, always as JSON. */
  alsoWrite?: (line: string) => void;
  clock?: Clock;
}

export function createLogger({ level, redactor, terminal, write, alsoWrite, clock = systemClock }: LogOptions): Logger {
  const destination = {
    write(line: string) {
      const redacted = redactor.text(line);
      write(terminal ? redactor.text(textLine(line)) : redacted);
      alsoWrite?.(redacted);
    },
  };
  const sampler = new Sampler(clock);
  return pino(
    {
      level,
      base: null,
      hooks: {
        logMethod([fields, message], method, levelNumber) {
          const leftOut = sampler.admit(levelNumber, message ?? '');
          if (leftOut === undefined) return;
          method.apply(this, [leftOut === 0 ? fields : { ...(fields as object), leftOut }, message]);
        },
      },
    },
    destination,
  );
}
