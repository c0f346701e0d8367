// The places where a crash may part two acts, read from the code, so that a new one is a new test.
import { sourceFiles } from './source-files.ts';

/** Every name passed to `checkpoint` that begins with one of the prefixes, in the order of the code. */
export function checkpoints(...prefixes: string[]): string[] {
  const text = sourceFiles('controllers')
    .map((file) => file.text)
    .join('\n');
  const names = new Set(Array.from(text.matchAll(/checkpoint\('([^']+)'\)/g), ([, name = '']) => name));
  return [...names].filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
}
