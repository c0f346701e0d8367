// A process in the container, as seen by the daemon: it changes names under a directory as fast as it can while the
// daemon works there. Started by `startAttacker`; ends when it is killed.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * `swap`: each of `evil-0` to `evil-15` and the link beside it, `link-N`, change places over and over.
 * `ambush`: each directory `new-0` to `new-15` that is made is taken away, and a link to the target comes in its place.
 * `riot`: each of `thing-0` to `thing-15` is in turn a link to the target or to its `inner`, the FIFO beside the target, a file
 * that grows and shrinks, and itself again, whose `inner` grows and shrinks too.
 * `hard-link`: `host-file`, a second name of the target, comes, moves and goes.
 */
export type Attack = 'swap' | 'ambush' | 'riot' | 'hard-link';

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

/** One step for each of them, so that at any time there is one in every state. */
function riot(directory: string, target: string, pair: number, round: number): void {
  const thing = join(directory, `thing-${pair}`);
  const aside = join(directory, `aside-${pair}`);
  const steps = [
    () => below(thing, grow),
    () => below(thing, shrink),
    () => renameSync(thing, aside),
    () => symlinkSync(pair % 2 === 0 ? target : join(target, 'inner'), thing),
    () => unlinkSync(thing),
    () => linkSync(`${target}-fifo`, thing),
    () => unlinkSync(thing),
    () => writeFileSync(thing, 'x', { flag: 'wx' }),
    () => grow(thing),
    () => shrink(thing),
    () => unlinkSync(thing),
    () => renameSync(aside, thing),
  ];
  const step = steps[(round + pair) % steps.length];
  if (step) attempt(step);
}

/** With the file `inner` of a directory. The attacker owns the host here: he must not follow a link himself. */
function below(directory: string, act: (file: string) => void): void {
  const fd = openSync(directory, constants.O_DIRECTORY | constants.O_NOFOLLOW);
  attempt(() => act(`/proc/self/fd/${fd}/inner`));
  closeSync(fd);
}

function grow(file: string): void {
  const fd = openSync(file, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  attempt(() => writeSync(fd, 'more', 3_000_000));
  closeSync(fd);
}

function shrink(file: string): void {
  const fd = openSync(file, constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  attempt(() => ftruncateSync(fd, 100));
  closeSync(fd);
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
        else if (attack === 'riot') riot(directory, target, pair, round);
        else ambush(directory, target, pair);
      }
    }
    if (round === 1) process.stdout.write('at work\n');
  }
}
