// Finds npm's program file, so that npm runs under a Node.js of our choice.
import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { findProgram } from './run.mjs';
import { SetupError } from './step.mjs';

const programFile = 'npm-cli.js';

export function npmProgram() {
  const fromNpm = process.env.npm_execpath ?? '';
  if (basename(fromNpm) === programFile && existsSync(fromNpm)) return fromNpm;

  const npm = findProgram('npm');
  if (npm) {
    const target = realpathSync(npm);
    // A distribution may put a wrapper script on the PATH and the program beside the library.
    const candidates = [target, join(dirname(target), '../lib/node_modules/npm/bin', programFile)];
    const found = candidates.find((path) => basename(path) === programFile && existsSync(path));
    if (found) return found;
  }
  throw new SetupError('npm was not found; install it (on Debian: apt-get install npm).');
}
