// Looks for keys of config.yml that nobody reads. One that differs from a known key beside it by a single letter is a
// slip: what was meant would silently have its default. Others belong to another Wings and are left alone.
import type { Section } from './section.ts';
import { laterSpellings, wingsKeys } from './wings-keys.ts';

export interface UnknownKey {
  /** With the blocks above it. */
  key: string;
  /** File and line. */
  place: string;
}

/** Keys below it; undefined: a value, or a block with keys of its own making. */
type Tree = Map<string, Tree | undefined>;

const known = treeOf([...wingsKeys.map(({ key }) => key), ...Object.values(laterSpellings).flat()]);

/** @throws ConfigError for a key that is one slip away from a known one */
export function unknownKeys(file: Section): UnknownKey[] {
  return unknownIn(file, known, '');
}

function unknownIn(section: Section, tree: Tree, path: string): UnknownKey[] {
  return section.keys().flatMap((key): UnknownKey[] => {
    const place = path === '' ? key : `${path}.${key}`;
    if (!tree.has(key)) {
      const right = nearest(key, [...tree.keys()]);
      if (right !== undefined) throw section.misspelt(key, right);
      return [{ key: place, place: section.placeOf(key) }];
    }
    const below = tree.get(key);
    // What is no block where one belongs is told by whoever reads it.
    return below && section.isSection(key) ? unknownIn(section.section(key), below, place) : [];
  });
}

function treeOf(keys: readonly string[]): Tree {
  const root: Tree = new Map();
  for (const key of keys) {
    let tree = root;
    const words = key.split('.');
    const leaf = words.pop() ?? '';
    for (const word of words) {
      const next = tree.get(word) ?? new Map();
      tree.set(word, next);
      tree = next;
    }
    tree.set(leaf, undefined);
  }
  return root;
}

/** The word of the list that is one slip away from `word`; capitals count for nothing. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const small = word.toLowerCase();
  return (
    words.find((one) => one.toLowerCase() === small) ?? words.find((one) => isOneSlipAway(small, one.toLowerCase()))
  );
}

/** A letter too many, one missing, one wrong, or two in the wrong order. */
export function isOneSlipAway(one: string, other: string): boolean {
  if (Math.abs(one.length - other.length) > 1 || one === other) return false;
  let start = 0;
  while (start < one.length && one[start] === other[start]) start += 1;
  const rest = one.slice(start);
  const otherRest = other.slice(start);
  if (one.length > other.length) return rest.slice(1) === otherRest;
  if (one.length < other.length) return rest === otherRest.slice(1);
  if (rest.slice(1) === otherRest.slice(1)) return true;
  return rest[0] === otherRest[1] && rest[1] === otherRest[0] && rest.slice(2) === otherRest.slice(2);
}
