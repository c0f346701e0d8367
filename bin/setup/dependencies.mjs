// The npm packages of package-lock.json, installed under Node.js 24 and without install scripts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { npmProgram } from './npm.mjs';
import { checkout } from './paths.mjs';
import { run } from './run.mjs';
import { step } from './step.mjs';

/** @param {string} node24 path of the Node.js binary */
export async function ensureDependencies(node24) {
  await step('npm packages', async () => {
    const wanted = packagesOf('package-lock.json');
    if (sameAsInstalled(wanted)) return 'already there';
    await run(node24, [npmProgram(), 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: checkout,
    });
    return 'installed';
  });
}

/** npm keeps beside the packages a lock of what it really installed; optional ones of other platforms are not in it. */
function sameAsInstalled(wanted) {
  let installed;
  try {
    installed = packagesOf('node_modules/.package-lock.json');
  } catch {
    return false;
  }
  const missing = Object.entries(wanted).some(([path, entry]) =>
    installed[path] ? installed[path].integrity !== entry.integrity : !entry.optional,
  );
  const left = Object.keys(installed).some((path) => !wanted[path]);
  return !missing && !left;
}

function packagesOf(lockFile) {
  const { '': _root, ...packages } = JSON.parse(readFileSync(join(checkout, lockFile), 'utf8')).packages;
  return packages;
}
