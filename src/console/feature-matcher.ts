// Phrases of an egg in what its process prints, for pages that offer help then: an agreement to be signed, a wrong Java.
// The first phrase that a line holds counts, whatever the capitals of either. One line costs a bounded amount of work, and
// so does one second: a process may print as much as it likes.
import type { Clock } from '../clock/clock.ts';
import { stripAnsi } from './ansi.ts';

export interface FeatureMatch {
  key: string;
  pattern: string;
  line: string;
}

export interface FeatureRules {
  /** Phrases by the name of the feature. */
  features?: Readonly<Record<string, readonly string[]>>;
  /** Compare without terminal sequences. */
  stripAnsi: boolean;
}

/** Characters that are compared for one line: with up to 64 phrases the longest line is looked at whole. */
const mostWork = 64 * 65_536;

/** Characters that are looked at in one second, with up to 16 phrases; with more of them, less. Some 30 ms of work. */
const mostPerSecond = 1024 * 1024;
const phrasesAtFullRate = 16;
const windowMs = 1_000;

export class FeatureMatcher {
  readonly #phrases: readonly { key: string; pattern: string; wanted: string }[];
  readonly #strip: boolean;
  readonly #longest: number;
  readonly #mostPerSecond: number;
  readonly #clock: Clock;
  #windowEnd = Number.NEGATIVE_INFINITY;
  #left = 0;

  constructor({ features = {}, stripAnsi }: FeatureRules, clock: Clock) {
    this.#clock = clock;
    // An empty phrase stands in every line and tells nothing.
    this.#phrases = Object.entries(features).flatMap(([key, patterns]) =>
      patterns.filter(Boolean).map((pattern) => ({ key, pattern, wanted: pattern.toLowerCase() })),
    );
    this.#strip = stripAnsi;
    this.#longest = Math.floor(mostWork / Math.max(1, this.#phrases.length));
    this.#mostPerSecond = Math.floor(mostPerSecond * Math.min(1, phrasesAtFullRate / this.#phrases.length));
  }

  match(text: string): FeatureMatch | undefined {
    if (this.#phrases.length === 0) return undefined;
    const searched = this.#shown(text.slice(0, this.#take(text.length))).toLowerCase();
    const found = this.#phrases.find(({ wanted }) => searched.includes(wanted));
    return found && { key: found.key, pattern: found.pattern, line: this.#shown(text) };
  }

  /** How many characters of a line may be looked at; they count for this second. */
  #take(length: number): number {
    const now = this.#clock.monotonic();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + windowMs;
      this.#left = this.#mostPerSecond;
    }
    const taken = Math.min(length, this.#longest, this.#left);
    this.#left -= taken;
    return taken;
  }

  #shown(text: string): string {
    return this.#strip ? stripAnsi(Buffer.from(text)).toString() : text;
  }
}
