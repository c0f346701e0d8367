// The two directories that a restore works between: the server's own, and the one beside all servers that nobody but the
// daemon can enter, with `new` for what comes and `old` for what goes. Files move between them by renaming alone, so both
// must be on one mount.
import { basename, dirname } from 'node:path';
import { OpenDirectory } from '../../volumes/open-directory.ts';
import type { Target } from '../plan.ts';
import { ArchiveError } from '../runner.ts';

export const newName = Buffer.from('new');
export const oldName = Buffer.from('old');

/** Of directories that only the daemon enters. */
export const daemonOnly = { mode: 0o700, uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } as const;

export class Places implements Disposable {
  readonly root: OpenDirectory;
  readonly staging: OpenDirectory;
  readonly #open: DisposableStack;

  /** @throws ArchiveError NOT_FOUND without a directory of the server */
  constructor({ root, staging }: Target) {
    using opened = new DisposableStack();
    this.root = opened.use(openRoot(root));
    this.staging = opened.use(openStaging(staging));
    this.#open = opened.move();
  }

  /** @throws ArchiveError FAILED */
  checkOneMount(): void {
    if (this.root.mountId() === this.staging.mountId()) return;
    throw new ArchiveError(
      'FAILED',
      'the directory of the server is a mount of its own: files cannot be moved into it',
    );
  }

  /** `new` or `old`; made when missing. */
  part(name: Buffer): OpenDirectory {
    const known = this.staging.enterOrMake(name, daemonOnly.mode, daemonOnly);
    if (!known) throw new ArchiveError('FAILED', 'something else stands where files wait during a restore');
    return this.#open.use(known);
  }

  [Symbol.dispose](): void {
    this.#open.dispose();
  }
}

/** @throws ArchiveError NOT_FOUND */
export function openRoot(path: string): OpenDirectory {
  using parent = OpenDirectory.open(dirname(path));
  const root = parent.enter(Buffer.from(basename(path)));
  if (!root) throw new ArchiveError('NOT_FOUND', 'the server has no directory');
  return root;
}

/** `<data>/.restore/<server>/<operation>`: the last three are made when missing. */
function openStaging(path: string): OpenDirectory {
  const make: Step = (parent, name) => parent.enterOrMake(name, daemonOnly.mode, daemonOnly);
  const staging = walkToStaging(path, make);
  if (!staging) throw new ArchiveError('FAILED', 'something else stands where files wait during a restore');
  return staging;
}

/** `undefined`: nothing was ever staged there. */
export function enterStaging(path: string): OpenDirectory | undefined {
  return walkToStaging(path, (parent, name) => parent.enter(name));
}

type Step = (parent: OpenDirectory, name: Buffer) => OpenDirectory | undefined;

function walkToStaging(path: string, step: Step): OpenDirectory | undefined {
  const names = [dirname(dirname(path)), dirname(path), path].map((one) => Buffer.from(basename(one)));
  let directory = OpenDirectory.open(dirname(dirname(dirname(path))));
  for (const name of names) {
    using parent = directory;
    const next = step(parent, name);
    if (!next) return undefined;
    directory = next;
  }
  return directory;
}
