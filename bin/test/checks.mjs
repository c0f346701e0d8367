// What npm test consists of, in the order it runs: cheap before dear, and Docker's tests not all at once.

/**
 * `program` checks count as one test each; `folder` checks are test files, run by node:test.
 * @typedef {{ name: string, program: string, args: string[] } | { name: string, folder: string, concurrency: number }} Check
 * @type {Check[]}
 */
export const checks = [
  { name: 'types', program: 'node_modules/.bin/tsc', args: ['--noEmit', '-p', '.'] },
  { name: 'lint', program: 'node_modules/.bin/biome', args: ['check', '--error-on-warnings', '.'] },
  { name: 'unit', folder: 'test/unit', concurrency: 2 },
  { name: 'integration', folder: 'test/integration', concurrency: 2 },
  { name: 'e2e', folder: 'test/e2e', concurrency: 1 },
  { name: 'fault', folder: 'test/fault', concurrency: 2 },
];

/**
 * The checks that the words of a command line ask for; all of them without words. A word is the name of a check or a
 * part of the path of test files.
 * @param {string[]} words
 * @param {(folder: string) => string[]} filesOf
 * @returns {(Check & { paths?: string[] })[]}
 */
export function selectChecks(words, filesOf) {
  return checks.flatMap((check) => {
    const named = words.length === 0 || words.includes(check.name);
    if (!check.folder) return named ? [check] : [];
    const paths = filesOf(check.folder).filter(
      (path) => named || words.some((word) => path.includes(word.replace(/^\.\//, ''))),
    );
    return paths.length > 0 ? [{ ...check, paths }] : [];
  });
}
