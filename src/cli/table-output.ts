// Tables of the API on a terminal or in a pipe. The columns of a watch grow when a longer cell comes; what is printed
// already stays.

import { type Io, styled } from './io.ts';
import type { Table } from './kube-client.ts';
import { safeLine } from './safe-text.ts';
import { textTable } from './text-table.ts';

const stateStyles = {
  running: 'green',
  starting: 'yellow',
  stopping: 'yellow',
  offline: 'dim',
  Warning: 'yellow',
  False: 'red',
} as const;

const missing = '-';

/** Prints the parts of one table as they come. `wide` shows the columns of lower priority too. */
export class TableOutput {
  readonly #io: Io;
  readonly #wide: boolean;
  readonly #widths: number[] = [];
  #shown: boolean[] | undefined;
  #headed = false;

  constructor(io: Io, { wide = false }: { wide?: boolean } = {}) {
    this.#io = io;
    this.#wide = wide;
  }

  print({ columnDefinitions, rows }: Pick<Table, 'columnDefinitions' | 'rows'>): void {
    const head = this.#headOf(columnDefinitions);
    const lines = textTable([...head, ...rows.map(({ cells }) => this.#row(cells))], { widths: this.#widths });
    for (const line of lines) this.#io.stdout.write(`${line}\n`);
  }

  #headOf(columns: Table['columnDefinitions']): string[][] {
    if (columns.length > 0) this.#shown = columns.map(({ priority }) => this.#wide || priority === 0);
    if (this.#headed || columns.length === 0) return [];
    this.#headed = true;
    return [this.#chosen(columns.map(({ name }) => name.toUpperCase()))];
  }

  #row(cells: readonly unknown[]): string[] {
    const texts = cells.map((cell) =>
      cell === null || cell === undefined || cell === '' ? missing : safeLine(String(cell)),
    );
    return this.#chosen(texts).map((text) => {
      const style = Object.hasOwn(stateStyles, text) ? stateStyles[text as keyof typeof stateStyles] : undefined;
      return style ? styled(this.#io, this.#io.stdout, style, text) : text;
    });
  }

  #chosen<T>(cells: readonly T[]): T[] {
    return cells.filter((_, column) => this.#shown?.[column] ?? true);
  }
}
