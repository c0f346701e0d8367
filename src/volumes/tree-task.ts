// Work on a whole tree, as data: what the daemon asks of a thread, what comes back, and the doing itself. The thread
// knows no configuration and no log; errors cross as plain data because their class would not survive.
import { countBytes } from './count-bytes.ts';
import { errorCode, VolumeError, type VolumeErrorCode } from './errors.ts';
import { OpenDirectory } from './open-directory.ts';
import { type OwnershipResult, ownTree } from './own-tree.ts';
import { removeTree } from './remove-tree.ts';

/** `parent` is the operator's directory and trusted; `name` is one component in it. */
export type TreeTask = { parent: string; name: string } & (
  | { kind: 'count' }
  | { kind: 'own'; uid: number; gid: number }
  | { kind: 'remove' }
);

export interface TreeRequest {
  task: TreeTask;
  /** One Int32; anything but 0 ends the work at the next entry. */
  stop: SharedArrayBuffer;
}

export type TreeReply =
  | { kind: 'counted'; bytes: number }
  | ({ kind: 'owned' } & OwnershipResult)
  | { kind: 'removed' }
  | { kind: 'missing' }
  | { kind: 'stopped' }
  | { kind: 'failed'; code: VolumeErrorCode; message: string; systemCode?: string; stack?: string };

class StoppedError extends Error {}

/** Never throws: what went wrong is in the reply. */
export function runTreeTask({ task, stop }: TreeRequest): TreeReply {
  const flag = new Int32Array(stop);
  const checkStop = () => {
    if (Atomics.load(flag, 0) !== 0) throw new StoppedError();
  };
  try {
    checkStop();
    return carryOut(task, checkStop);
  } catch (error) {
    return replyOf(error);
  }
}

function carryOut(task: TreeTask, checkStop: () => void): TreeReply {
  const name = Buffer.from(task.name);
  using parent = OpenDirectory.open(task.parent);
  if (task.kind === 'remove') {
    removeTree(parent, name, checkStop);
    return { kind: 'removed' };
  }
  using root = parent.enter(name);
  if (!root) {
    if (!parent.lstat(name)) return { kind: 'missing' };
    throw new VolumeError('NOT_A_DIRECTORY', 'something else stands where the directory of the server should be');
  }
  if (task.kind === 'count') return { kind: 'counted', bytes: countBytes(root, checkStop) };
  return { kind: 'owned', ...ownTree(root, task, checkStop) };
}

function replyOf(error: unknown): TreeReply {
  if (error instanceof StoppedError) return { kind: 'stopped' };
  if (error instanceof VolumeError) return { kind: 'failed', code: error.code, message: error.message };
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const systemCode = errorCode(error);
  return {
    kind: 'failed',
    code: 'FAILED',
    message,
    ...(stack ? { stack } : {}),
    ...(systemCode ? { systemCode } : {}),
  };
}
