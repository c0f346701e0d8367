// One line that says how far a backup or a restore is, as wide as the terminal at most. Pure.
import { bytesText, durationText } from '../units.ts';
import type { OperationNumbers } from './state.ts';

export interface LineFacts extends OperationNumbers {
  phase: string;
  /** Bytes a second. */
  perSecond?: number | undefined;
  msLeft?: number | undefined;
}

export interface LineOptions {
  columns: number;
  /** Whether the terminal shows more than ASCII. */
  unicode: boolean;
}

/** What people read for a phase. */
const words: Record<string, string> = {
  Pending: 'Waiting',
  Finalizing: 'Finishing',
};
/** Wide enough for every word, so that the bar stays where it is. */
const wordWidth = 11;
const barWidths = { most: 30, least: 10 };

/** With a bar, and as much else as there is room for. */
export function progressLine(facts: LineFacts, { columns, unicode }: LineOptions): string {
  const word = wordFor(facts.phase).padEnd(wordWidth);
  const percentage = `${facts.percentage}%`.padStart(5);
  const pieces = detailsOf(facts);
  // The last column stays free: some terminals break a line that fills it.
  const room = Math.max(columns, 1) - 1;
  for (let count = pieces.length; count >= 0; count -= 1) {
    const details = pieces
      .slice(0, count)
      .map((piece) => `  ${piece}`)
      .join('');
    const width = Math.min(barWidths.most, room - word.length - percentage.length - details.length - 3);
    if (width >= barWidths.least) return `${word} ${bar(facts.percentage, width, unicode)}${percentage}${details}`;
  }
  return `${word.trimEnd()} ${facts.percentage}%`.slice(0, room);
}

/** For a pipe: `Archiving 45%, 1.2 GiB of 2.7 GiB, 210 MiB/s, 7s left`. */
export function plainLine(facts: LineFacts): string {
  return [`${wordFor(facts.phase)} ${facts.percentage}%`, ...detailsOf(facts)].join(', ');
}

export function wordFor(phase: string): string {
  return words[phase] ?? phase;
}

/** The most important first. */
function detailsOf({ bytesWritten, bytesTotal, perSecond, msLeft }: LineFacts): string[] {
  const of = bytesTotal > 0 ? ` of ${bytesText(bytesTotal)}` : '';
  const rate = perSecond !== undefined && perSecond >= 1;
  return [
    ...(bytesWritten > 0 || bytesTotal > 0 ? [`${bytesText(bytesWritten)}${of}`] : []),
    ...(rate ? [`${bytesText(perSecond)}/s`] : []),
    ...(msLeft === undefined ? [] : [`${durationText(Math.ceil(msLeft / 1_000) * 1_000)} left`]),
  ];
}

function bar(percentage: number, width: number, unicode: boolean): string {
  const [full, empty] = unicode ? ['█', '░'] : ['#', '-'];
  const filled = Math.min(width, Math.floor((width * percentage) / 100));
  return `[${full!.repeat(filled)}${empty!.repeat(width - filled)}]`;
}
