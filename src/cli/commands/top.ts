// `aileron top`: what each server uses. On a terminal a table that is drawn anew until q or Ctrl-C; in a pipe, or with
// --once, one table.
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import type { Config } from '../../config/config.ts';
import { serverKind } from '../../resources/kinds.ts';
import type { Server } from '../../resources/server.ts';
import { CliError, type ExitCode, exitCodes, usageError } from '../exit-codes.ts';
import { type Io, print, styled } from '../io.ts';
import { KubeClient } from '../kube-client.ts';
import { localConfig, nodeAccess } from '../node-access.ts';
import { readUsage } from '../server-usage.ts';
import { ordered, type Sample, sampleOf, summary, type TopOrder, topLines, topOrders } from '../top-view.ts';

export interface TopOptions {
  config?: string;
  once?: boolean;
  json?: boolean;
  sort: TopOrder;
  /** ms */
  interval: number;
}

const screen = {
  enter: '\u001b[?1049h\u001b[?25l',
  leave: '\u001b[?25h\u001b[?1049l',
  home: '\u001b[H',
  clearLine: '\u001b[K',
  clearBelow: '\u001b[J',
};

export async function top(io: Io, options: TopOptions): Promise<ExitCode> {
  if (!topOrders.includes(options.sort)) throw usageError(`--sort is one of ${topOrders.join(', ')}.`);
  if (options.interval < 200) throw usageError('--interval is at least 200ms.');
  const config = await localConfig(io, options);
  const client = new KubeClient(await nodeAccess(io, options));
  try {
    const first = await sample(client, config);
    const live = io.stdout.isTTY && io.stdin.isTTY && !options.once && !options.json;
    if (live) await draw(io, client, config, first, options);
    else if (options.json) print(io, JSON.stringify(ordered(first.rows, options.sort), undefined, 2));
    else
      for (const line of topLines(ordered(first.rows, options.sort), {
        live: false,
        paint: (state) => painted(io, state),
      }))
        print(io, line);
    return exitCodes.ok;
  } finally {
    client.close();
  }
}

async function sample(client: KubeClient, config: Config, before?: Sample): Promise<Sample> {
  const [{ items }, usages] = await Promise.all([client.list<Server>(serverKind), readUsage(config)]);
  return sampleOf(items, usages, performance.now(), before);
}

async function draw(io: Io, client: KubeClient, config: Config, first: Sample, options: TopOptions): Promise<void> {
  const end = new AbortController();
  let order = options.sort;
  let current = first;
  let trouble = '';
  const redraw = () => io.stdout.write(frame(io, current, order, trouble));
  const onKey = (key: Buffer) => {
    const typed = key.toString('utf8');
    if (typed === 'q' || typed === 'Q' || typed === '\u0003' || typed === '\u0004') return end.abort();
    order = ({ c: 'cpu', m: 'memory', n: 'name' } as const)[typed.toLowerCase()] ?? order;
    redraw();
  };
  const stop = () => end.abort();
  const signals = ['SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, stop);
  io.stdin.setRawMode(true);
  io.stdin.on('data', onKey).resume();
  io.stdout.on('resize', redraw);
  io.stdout.write(screen.enter);
  try {
    while (!end.signal.aborted) {
      redraw();
      await sleep(options.interval, undefined, { signal: AbortSignal.any([end.signal, io.gone]) }).catch(() =>
        end.abort(),
      );
      if (end.signal.aborted) break;
      try {
        current = await sample(client, config, current);
        trouble = '';
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        trouble = error.message;
      }
    }
  } finally {
    io.stdout.write(screen.leave);
    io.stdout.off('resize', redraw);
    io.stdin.off('data', onKey).pause();
    io.stdin.setRawMode(false);
    for (const signal of signals) process.off(signal, stop);
  }
}

function frame(io: Io, { rows }: Sample, order: TopOrder, trouble: string): string {
  // A terminal that does not know its size says 0.
  const columns = io.stdout.columns || 80;
  const height = io.stdout.rows || 24;
  const lines = [
    styled(io, io.stdout, 'bold', summary(rows)),
    trouble
      ? styled(io, io.stdout, 'red', trouble)
      : styled(io, io.stdout, 'dim', `sorted by ${order}; c CPU, m memory, n name, q end`),
    '',
    ...topLines(ordered(rows, order), { live: true, paint: (state) => painted(io, state) }),
  ];
  const more = lines.length - height;
  const fitting = more > 0 ? [...lines.slice(0, height - 1), `… and ${more + 1} more`] : lines;
  const text = fitting.map((line) => `${clipped(line, columns)}${screen.clearLine}`).join('\r\n');
  return `${screen.home}${text}${screen.clearBelow}`;
}

/** A line that is too long loses its colours with its end. */
function clipped(line: string, columns: number): string {
  const plain = stripVTControlCharacters(line);
  return plain.length > columns ? `${plain.slice(0, columns - 1)}…` : line;
}

function painted(io: Io, state: string): string {
  const style = state === 'running' ? 'green' : state === 'offline' ? 'dim' : 'yellow';
  return styled(io, io.stdout, style, state);
}
