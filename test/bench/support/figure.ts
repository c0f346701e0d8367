// One measured figure: printed for who runs a benchmark by itself, and collected for the table of npm run bench.
import { appendFileSync } from 'node:fs';

export interface Figure {
  what: string;
  value: number;
  unit: 'MB' | 'µs' | 'ms' | 's' | 'CPU s' | '/s' | 'writes' | 'lines' | '×';
  /** The most it should be, or the least where more is better. */
  aim?: number;
  /** What Wings needs for the same on the same machine, in words. */
  wings?: string;
}

const moreIsBetter: ReadonlySet<Figure['unit']> = new Set(['/s', '×']);

export function figure(found: Figure): void {
  const { BENCH_FIGURES: file } = process.env;
  if (file) appendFileSync(file, `${JSON.stringify({ ...found, ...inWords(found) })}\n`);
  const { figure: value, aim, missed } = inWords(found);
  process.stdout.write(`  ${found.what}: ${value}${aim ? ` (aim ${aim}${missed ? ', MISSED' : ''})` : ''}\n`);
}

function inWords({ value, unit, aim }: Figure): { figure: string; aim: string; missed: boolean } {
  const words = (number: number) => `${withDigits(number)}${unit === '×' ? '×' : ` ${unit}`}`.replace(' /s', '/s');
  if (aim === undefined) return { figure: words(value), aim: '', missed: false };
  const atLeast = moreIsBetter.has(unit);
  return {
    figure: words(value),
    aim: `${atLeast ? '≥' : '≤'} ${words(aim)}`,
    missed: atLeast ? value < aim : value > aim,
  };
}

/** Three digits that mean something. */
function withDigits(value: number): string {
  const decimals = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The smallest value that so many percent of all are not above. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0;
}
