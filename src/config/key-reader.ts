// Reads config.yml key by key as the tables of keys say: type, default and range of each stand there and nowhere else.
import { resolve } from 'node:path';
import { isRange } from './address-range.ts';
import type { Flavour } from './config.ts';
import type { Section } from './section.ts';
import { ofFlavour, type WingsKey } from './wings-key.ts';
import { laterSpellings, wingsKeys } from './wings-keys.ts';

type Known = (typeof wingsKeys)[number];
type KeyOf<T extends WingsKey['type']> = Extract<Known, { type: T }>['key'];
type EntryOf<K extends Known['key']> = Extract<Known, { key: K }>;

const entries = new Map<string, WingsKey>(wingsKeys.map((entry) => [entry.key, entry]));
const spellings: Partial<Record<string, readonly string[]>> = laterSpellings;
const secondsIn: Record<string, number> = { s: 1, m: 60, h: 3_600 };

export class KeyReader {
  readonly #file: Section;
  readonly #flavour: Flavour;

  constructor(file: Section, flavour: Flavour) {
    this.#file = file;
    this.#flavour = flavour;
  }

  truth(key: KeyOf<'truth'>): boolean {
    const { section, leaf } = this.#at(key);
    return section.boolean(leaf, ofFlavour(entryOf(key).default, this.#flavour));
  }

  text(key: KeyOf<'text'>): string {
    const { section, leaf } = this.#at(key);
    return section.text(leaf, ofFlavour(entryOf(key).default, this.#flavour));
  }

  /** An empty text is none. */
  filledText(key: KeyOf<'text'>): string {
    return this.text(key) || ofFlavour(entryOf(key).default, this.#flavour);
  }

  /** Absolute: a relative one counts from the working directory, as in Wings. An empty one is the default. */
  path(key: KeyOf<'path'>, rootDirectory = ''): string {
    const { section, leaf } = this.#at(key);
    const fallback = ofFlavour<string>(entryOf(key).default, this.#flavour).replace('<root>', rootDirectory);
    const path = section.text(leaf, '') || fallback;
    return path === '' ? '' : resolve(path);
  }

  integer(key: KeyOf<'integer'>): number {
    const entry = entryOf(key);
    const { section, leaf } = this.#at(key);
    return section.integer(leaf, entry.default, entry.range[0], entry.range[1]);
  }

  factor(key: KeyOf<'factor'>): number {
    const { section, leaf } = this.#at(key);
    return section.factor(leaf, entryOf(key).default);
  }

  /** Seconds. */
  duration(key: KeyOf<'duration'>): number {
    const entry = entryOf(key);
    const { section, leaf } = this.#at(key);
    const seconds = secondsOf(section.text(leaf, '') || entry.default);
    if (seconds >= 1 && seconds <= entry.most) return seconds;
    throw section.wrong(leaf, `a duration from 1s to ${entry.most}s, such as 90s, 30m or 6h`);
  }

  choice<K extends KeyOf<'choice'>>(key: K): EntryOf<K> extends { choices: readonly (infer C)[] } ? C : never;
  choice(key: KeyOf<'choice'>): string {
    const { choices } = entryOf(key);
    const { section, leaf } = this.#at(key);
    const text = section.text(leaf, '');
    if (text === '') return choices[0];
    const chosen = choices.find((one) => one === text);
    if (chosen === undefined) throw section.wrong(leaf, `one of ${choices.join(', ')}`);
    return chosen;
  }

  texts(key: KeyOf<'texts'>): string[] {
    const { section, leaf } = this.#at(key);
    return section.texts(leaf, [...entryOf(key).default]);
  }

  ranges(key: KeyOf<'ranges'>): string[] {
    const { section, leaf } = this.#at(key);
    const list = section.texts(leaf, [...entryOf(key).default]);
    const [wrong] = list.filter((text) => !isRange(text));
    if (wrong === undefined) return list;
    throw section.wrong(leaf, `a list of IP addresses and CIDRs, not ${JSON.stringify(wrong.slice(0, 80))}`);
  }

  map(key: KeyOf<'map'>): Section {
    const { section, leaf } = this.#at(key);
    return section.section(leaf);
  }

  /** Where the key stands; the spelling of the flavour is looked for first. */
  #at(key: string): { section: Section; leaf: string } {
    const others = spellings[key] ?? [];
    const candidates = this.#flavour === 'pterodactyl' ? [...others, key] : [key, ...others];
    const places = candidates.map((candidate) => {
      const words = candidate.split('.');
      const leaf = words.pop() ?? '';
      return { section: words.reduce((block, word) => block.section(word), this.#file), leaf };
    });
    return places.find(({ section, leaf }) => section.has(leaf)) ?? places[0]!;
  }
}

function entryOf<K extends Known['key']>(key: K): EntryOf<K> {
  return entries.get(key) as unknown as EntryOf<K>;
}

/** NaN for what is no duration. */
export function secondsOf(text: string): number {
  const [, digits, unit = 's'] = /^(\d{1,9})([smh])?$/.exec(text) ?? [];
  return Number(digits) * (secondsIn[unit] ?? 1);
}
