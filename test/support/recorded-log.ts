// A logger that keeps its lines, for tests of what is logged and how often.
import type { Logger } from '../../src/telemetry/log.ts';

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error';
  message: string;
  fields: Record<string, unknown>;
}

export interface RecordedLog extends Logger {
  lines: LogLine[];
  /** The lines of this level or of these words. */
  find(what: { level?: LogLine['level']; message?: string }): LogLine[];
}

export function recordedLog(bound: object = {}, lines: LogLine[] = []): RecordedLog {
  const write = (level: LogLine['level']) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...bound, ...fields } });
  };
  return {
    lines,
    find: ({ level, message }) =>
      lines.filter(
        (line) => (level === undefined || line.level === level) && (message === undefined || line.message === message),
      ),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => recordedLog({ ...bound, ...fields }, lines),
  };
}
