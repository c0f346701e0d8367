// Node.js 24, which runs the daemon and its tests. It comes as an npm package that carries the binary, so that the
// version is pinned by a lock file and no install script runs; a Node.js 24 on the PATH serves where no package fits.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { npmProgram } from './npm.mjs';
import { checkout } from './paths.mjs';
import { run } from './run.mjs';
import { SetupError, step } from './step.mjs';

const folder = join(checkout, 'bin/node');
const minimumMajor = 24;

/** Ensures Node.js 24 and returns the path of its binary. */
export async function ensureNode24() {
  const packageName = `node-linux-${process.arch}`;
  const pinned = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).optionalDependencies[packageName];
  if (process.platform !== 'linux' || !pinned) return ownNode();

  const binary = join(folder, 'node_modules', packageName, 'bin/node');
  await step(`Node.js ${pinned}`, async () => {
    if ((await versionOf(binary)) === pinned) return 'already there';
    await run(
      process.execPath,
      [npmProgram(), 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
      { cwd: folder },
    );
    const version = await versionOf(binary);
    if (version !== pinned) {
      throw new SetupError(
        `The Node.js ${pinned} of ${packageName} does not run here; install Node.js ${minimumMajor} or newer yourself and put it first on the PATH.`,
      );
    }
    return 'installed from npm';
  });
  return binary;
}

function ownNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= minimumMajor) return process.execPath;
  throw new SetupError(
    `There is no Node.js package for ${process.platform}-${process.arch}; install Node.js ${minimumMajor} or newer and put it first on the PATH.`,
  );
}

async function versionOf(binary) {
  try {
    return (await run(binary, ['--version'])).trim().replace(/^v/, '');
  } catch {
    return undefined; // not there, or built for another system
  }
}
