// Debian packages, where this user may install them.
import { findProgram, run } from './run.mjs';
import { SetupError } from './step.mjs';

const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
// Another apt may hold the lock for a while on a machine that has just booted.
const options = ['-q', '-o', 'DPkg::Lock::Timeout=300'];

let listsAreFresh = false;

export function canInstall() {
  return process.getuid?.() === 0 && findProgram('apt-get') !== undefined;
}

/** @param {string[]} packages */
export async function aptInstall(packages) {
  if (!canInstall())
    throw new SetupError(
      `Install ${packages.join(' and ')} (as root on Debian: apt-get install ${packages.join(' ')}).`,
    );
  if (!listsAreFresh) await run('apt-get', ['update', ...options], { env: environment });
  listsAreFresh = true;
  await run('apt-get', ['install', '-y', '--no-install-recommends', ...options, ...packages], { env: environment });
}
