// How a backup or a restore looks while it runs: a bar on a terminal, lines in a pipe, JSON for programs, or nothing.
import { type Io, print, say, styled } from '../io.ts';
import { plainLine, progressLine } from './progress-line.ts';
import type { RateEstimate } from './rate.ts';
import type { OperationState } from './state.ts';

export interface OperationView {
  show(state: OperationState): void;
  /** For the person, beside the progress. */
  notice(text: string): void;
  /** Nothing of it stays on the screen that would be in the way. */
  close(): void;
}

export type ViewKind = 'bar' | 'lines' | 'json' | 'nothing';

export interface ViewOptions {
  io: Io;
  rate: RateEstimate;
  /** Monotonic ms. */
  now: () => number;
  /** Of the object, in each line of JSON. */
  name: string;
  kind: string;
}

const clearLine = '\r\u001b[K';
/** ms between two lines of one phase. */
const lineEveryMs = 1_000;

export function viewKind(
  io: Io,
  { json, quiet }: { json?: boolean | undefined; quiet?: boolean | undefined },
): ViewKind {
  if (quiet) return 'nothing';
  if (json) return 'json';
  return io.stdout.isTTY && io.env['TERM'] !== 'dumb' ? 'bar' : 'lines';
}

export function openView(kind: ViewKind, options: ViewOptions): OperationView {
  switch (kind) {
    case 'bar':
      return barView(options, options.io.stdout);
    case 'lines':
      return lineView(options);
    case 'json':
      return jsonView(options);
    case 'nothing':
      return { show() {}, notice: (text) => say(options.io, text), close() {} };
  }
}

/** Of the stream it draws on, which has to be a terminal. */
export function barView({ io, rate }: Pick<ViewOptions, 'io' | 'rate'>, stream: NodeJS.WriteStream): OperationView {
  let drawn = '';
  const draw = (line: string) => void stream.write(`${clearLine}${line}`);
  return {
    show(state) {
      // A terminal that does not know its size says 0.
      const columns = stream.columns || 80;
      const line = progressLine(factsOf(state, rate), { columns, unicode: showsUnicode(io) });
      if (line === drawn) return;
      drawn = line;
      draw(line);
    },
    notice(text) {
      if (drawn !== '') stream.write(clearLine);
      say(io, styled(io, io.stderr, 'dim', text));
      if (drawn !== '') draw(drawn);
    },
    close() {
      if (drawn !== '') stream.write(clearLine);
      drawn = '';
    },
  };
}

function lineView({ io, rate, now }: ViewOptions): OperationView {
  let phase: string | undefined;
  let last = '';
  let printedAt = Number.NEGATIVE_INFINITY;
  return {
    show(state) {
      const line = plainLine(factsOf(state, rate));
      const isDue = state.phase !== phase || now() - printedAt >= lineEveryMs;
      if (!isDue || line === last || state.finished) return;
      ({ phase } = state);
      last = line;
      printedAt = now();
      print(io, line);
    },
    notice: (text) => say(io, text),
    close() {},
  };
}

function jsonView({ io, rate, kind, name }: ViewOptions): OperationView {
  let last = '';
  return {
    show({ finished, ...state }) {
      if (finished) return; // the end is a line of its own
      const line = JSON.stringify({ kind, name, ...state, ...ratesOf({ finished, ...state }, rate) });
      if (line === last) return;
      last = line;
      print(io, line);
    },
    notice: (text) => say(io, text),
    close() {},
  };
}

function ratesOf({ bytesWritten, bytesTotal }: OperationState, rate: RateEstimate) {
  const msLeft = rate.msLeft(bytesWritten, bytesTotal);
  return {
    bytesPerSecond: rate.perSecond === undefined ? null : Math.round(rate.perSecond),
    secondsLeft: msLeft === undefined ? null : Math.ceil(msLeft / 1_000),
  };
}

function factsOf(state: OperationState, rate: RateEstimate) {
  return { ...state, perSecond: rate.perSecond, msLeft: rate.msLeft(state.bytesWritten, state.bytesTotal) };
}

function showsUnicode({ env }: Io): boolean {
  return /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '');
}
