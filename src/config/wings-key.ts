// What one key of config.yml is: its name, its type, its default for either flavour and what it is for. The tables are
// wings-keys.ts and docker-keys.ts; the reader, the search for misspelt keys and docs/configuration.md are held to them.
import type { Flavour } from './config.ts';

/** One value for both flavours, or one for each. */
export type Flavoured<T> = T | Readonly<Record<Flavour, T>>;

interface Described<K extends string> {
  /** Dots part the blocks. */
  key: K;
  meaning: string;
}

interface Truth<K extends string> extends Described<K> {
  type: 'truth';
  default: Flavoured<boolean>;
}

/** `path`: an empty one is none, `<root>` in a default is `system.root_directory`. */
interface Text<K extends string> extends Described<K> {
  type: 'text' | 'path';
  default: Flavoured<string>;
}

interface Integer<K extends string> extends Described<K> {
  type: 'integer';
  default: number;
  /** Both belong to it. */
  range: readonly [least: number, most: number];
}

interface Factor<K extends string> extends Described<K> {
  type: 'factor';
  default: number;
}

/** Seconds, or such as 90s, 30m or 6h. */
interface Duration<K extends string> extends Described<K> {
  type: 'duration';
  /** As it is written in the file. */
  default: string;
  /** Seconds. */
  most: number;
}

/** The first one is the default. */
interface Choice<K extends string, C extends string> extends Described<K> {
  type: 'choice';
  choices: readonly [C, ...C[]];
}

/** `ranges`: IP addresses and CIDRs. */
interface List<K extends string> extends Described<K> {
  type: 'texts' | 'ranges';
  default: readonly string[];
}

/** Keys of its own are any words. */
interface Free<K extends string> extends Described<K> {
  type: 'map';
  /** For people. */
  default: string;
}

export type WingsKey =
  | Truth<string>
  | Text<string>
  | Integer<string>
  | Factor<string>
  | Duration<string>
  | Choice<string, string>
  | List<string>
  | Free<string>;

/** The largest number that is exact; stands for "any". */
export const any = Number.MAX_SAFE_INTEGER;

export const ports = [0, 65_535] as const;

/** -1 stands for "nobody" in the kernel. */
export const userIds = [0, 2 ** 32 - 2] as const;

export const truth = <const K extends string>(key: K, fallback: Flavoured<boolean>, meaning: string) =>
  ({ type: 'truth', key, default: fallback, meaning }) satisfies Truth<K>;

export const text = <const K extends string>(key: K, fallback: Flavoured<string>, meaning: string) =>
  ({ type: 'text', key, default: fallback, meaning }) satisfies Text<K>;

export const path = <const K extends string>(key: K, fallback: Flavoured<string>, meaning: string) =>
  ({ type: 'path', key, default: fallback, meaning }) satisfies Text<K>;

export const integer = <const K extends string>(
  key: K,
  fallback: number,
  range: readonly [least: number, most: number],
  meaning: string,
) => ({ type: 'integer', key, default: fallback, range, meaning }) satisfies Integer<K>;

export const factor = <const K extends string>(key: K, fallback: number, meaning: string) =>
  ({ type: 'factor', key, default: fallback, meaning }) satisfies Factor<K>;

export const duration = <const K extends string>(key: K, fallback: string, most: number, meaning: string) =>
  ({ type: 'duration', key, default: fallback, most, meaning }) satisfies Duration<K>;

export const choice = <const K extends string, const C extends string>(
  key: K,
  choices: readonly [C, ...C[]],
  meaning: string,
) => ({ type: 'choice', key, choices, meaning }) satisfies Choice<K, C>;

export const texts = <const K extends string>(key: K, fallback: readonly string[], meaning: string) =>
  ({ type: 'texts', key, default: fallback, meaning }) satisfies List<K>;

export const ranges = <const K extends string>(key: K, fallback: readonly string[], meaning: string) =>
  ({ type: 'ranges', key, default: fallback, meaning }) satisfies List<K>;

export const map = <const K extends string>(key: K, fallback: string, meaning: string) =>
  ({ type: 'map', key, default: fallback, meaning }) satisfies Free<K>;

export function ofFlavour<T>(value: Flavoured<T>, flavour: Flavour): T {
  return isFlavoured(value) ? value[flavour] : value;
}

export function isFlavoured<T>(value: Flavoured<T>): value is Readonly<Record<Flavour, T>> {
  return typeof value === 'object' && value !== null && 'pelican' in value;
}
