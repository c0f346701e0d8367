// Columns for people: as wide as their longest cell, three spaces apart, never a space at the end of a line.
import { stripVTControlCharacters } from 'node:util';

const gap = 3;

export interface TableOptions {
  /** Columns, by their place, that are aligned to the right. */
  right?: readonly number[];
  /** Widths of an earlier part of the same table, which grow here. */
  widths?: number[];
}

/** One text a row. Cells may be coloured. */
export function textTable(
  rows: readonly (readonly string[])[],
  { right = [], widths = [] }: TableOptions = {},
): string[] {
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const padding = ' '.repeat((widths[column] ?? 0) - widthOf(cell));
        return right.includes(column) ? `${padding}${cell}` : `${cell}${padding}`;
      })
      .join(' '.repeat(gap))
      .trimEnd(),
  );
}

function widthOf(cell: string): number {
  return [...stripVTControlCharacters(cell)].length;
}
