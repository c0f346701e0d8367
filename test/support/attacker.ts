// A process in the container, as seen by the daemon: it changes names under a directory as fast as it can while the
// daemon works there. Started by `startAttacker`; ends when it is killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, renameSync, rmdirSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `swap`: each of `evil-0` to `evil-15` and the link beside it, `link-N`, change places over and over.
 * `ambush`: each directory `new-0` to `new-15` that is made is taken away, and a link to the target comes in its place.
 * `hard-link`: `host-file`, a second name of the target, comes, moves and goes.
 */
export type Attack = 'swap' | 'ambush' | 'hard-link';

export const swappedPairs = 16;

/** Resolves when it is at work. */
export async function startAttacker(attack: Attack, directory: string, target = ''): Promise<ChildProcess> {
  const args = [fileURLToPath(import.meta.url), attack, directory, target];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [first] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  if (!Buffer.isBuffer(first)) throw new Error(`the attacker ended with ${first}`);
  return child;
}

/** Resolves when it is gone. @throws when it had ended by itself, so that it attacked nothing */
export async function stopAttacker(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`the attacker ended with ${child.exitCode}`);
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function swap(directory: string, pair: number): void {
  const evil = join(directory, `evil-${pair}`);
  const link = join(directory, `link-${pair}`);
  const aside = join(directory, `aside-${pair}`);
  attempt(() => renameSync(evil, aside));
  attempt(() => renameSync(link, evil));
  attempt(() => renameSync(aside, link));
}

function ambush(directory: string, target: string, pair: number): void {
  const made = join(directory, `new-${pair}`);
  const aside = join(directory, `aside-${pair}`);
  attempt(() => renameSync(made, aside));
  attempt(() => symlinkSync(target, made));
  attempt(() => rmdirSync(join(aside, 'made')));
  attempt(() => unlinkSync(join(aside, 'made')));
  attempt(() => rmdirSync(aside));
  attempt(() => unlinkSync(made));
}

function hardLink(directory: string, target: string): void {
  const first = join(directory, 'host-file');
  const second = join(directory, 'zz-host-file');
  attempt(() => linkSync(target, first));
  attempt(() => renameSync(first, second));
  attempt(() => linkSync(target, first));
  attempt(() => unlinkSync(second));
  attempt(() => unlinkSync(first));
}

/** The daemon, too, changes what is here. */
function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

if (import.meta.main) {
  const [attack, directory = '', target = ''] = process.argv.slice(2);
  for (let round = 0; ; round++) {
    if (attack === 'hard-link') hardLink(directory, target);
    else {
      for (let pair = 0; pair < swappedPairs; pair++) {
        if (attack === 'swap') swap(directory, pair);
        else ambush(directory, target, pair);
      }
    }
    if (round === 1) process.stdout.write('at work\n');
  }
}
