// Phrases of an egg in what its process prints, for pages that offer help then: an agreement to be signed, a wrong Java.
// The first phrase that a line holds counts, whatever the capitals of either. One line costs a bounded amount of work.
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

export class FeatureMatcher {
  readonly #phrases: readonly { key: string; pattern: string; wanted: string }[];
  readonly #strip: boolean;
  readonly #longest: number;

  constructor({ features = {}, stripAnsi }: FeatureRules) {
    // An empty phrase stands in every line and tells nothing.
    this.#phrases = Object.entries(features).flatMap(([key, patterns]) =>
      patterns.filter(Boolean).map((pattern) => ({ key, pattern, wanted: pattern.toLowerCase() })),
    );
    this.#strip = stripAnsi;
    this.#longest = Math.floor(mostWork / Math.max(1, this.#phrases.length));
  }

  match(text: string): FeatureMatch | undefined {
    if (this.#phrases.length === 0) return undefined;
    const line = this.#strip ? stripAnsi(Buffer.from(text)).toString() : text;
    const searched = line.slice(0, this.#longest).toLowerCase();
    const found = this.#phrases.find(({ wanted }) => searched.includes(wanted));
    return found && { key: found.key, pattern: found.pattern, line };
  }
}
