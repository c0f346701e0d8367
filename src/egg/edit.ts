// A replacement made ready for every parser: the new value as text with its JSON type, placeholders resolved. And the
// remarks on those that were not carried out, bounded because the file and the egg decide how many there are.
import type { EggContext, ParserName, Replacement } from './config-file.ts';
import { resolvePlaceholders } from './placeholders.ts';

/** What JSON said it was. `text` of a number is its literal. */
export interface NewValue {
  type: 'string' | 'number' | 'bool';
  text: string;
}

export interface Edit {
  match: string;
  /** Never empty. */
  ifValue: string | undefined;
  value: NewValue;
}

const maxNotes = 50;
const maxNoteName = 200;

/** Sentences for the log. They name what an egg calls a thing, never a value. */
export class Notes {
  readonly #list: string[] = [];
  #dropped = 0;

  add(note: string): void {
    if (this.#list.length < maxNotes) this.#list.push(note);
    else this.#dropped += 1;
  }

  skipped(match: string, reason: string): void {
    this.add(`${JSON.stringify(match.slice(0, maxNoteName))} was skipped: ${reason}`);
  }

  get list(): string[] {
    return this.#dropped === 0 ? [...this.#list] : [...this.#list, `and ${this.#dropped} more`];
  }
}

/** In order, without those whose value is none that can stand in a file. */
export function readyEdits(
  replacements: readonly Replacement[],
  parser: ParserName,
  context: EggContext,
  notes: Notes,
): Edit[] {
  return replacements.flatMap(({ match, ifValue, replaceWith }) => {
    const value = newValue(replaceWith, parser, context);
    if (!value) {
      notes.skipped(match, 'the new value is null, a list or an object');
      return [];
    }
    return [{ match, ifValue: ifValue === '' ? undefined : ifValue, value }];
  });
}

function newValue(value: unknown, parser: ParserName, context: EggContext): NewValue | undefined {
  if (typeof value === 'string') return { type: 'string', text: resolvePlaceholders(value, parser, context) };
  if (typeof value === 'boolean') return { type: 'bool', text: String(value) };
  if (typeof value === 'number' && Number.isFinite(value)) return { type: 'number', text: String(value) };
  return undefined;
}
