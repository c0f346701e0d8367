// Leaves the queue: a backup that can be restored, a server that nobody else has, a place on the node, and a way to do it.

import type { Restore } from '../../src/resources/restore.ts';
import { isHeld, takeClaim } from '../../src/runtime/claims.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import { failed } from './decision.ts';
import { type RestoreDeps, serverOf } from './deps.ts';
import { failureOf } from './failures.ts';
import { chooseStrategy, type Strategy } from './plans.ts';
import { findSource, isSource, type Source } from './source.ts';

export interface Beginning {
  strategy: Strategy;
  source: Source;
}

/** `not-yet`: the release of the server or of a place wakes it. An outcome: there is nothing to begin. */
export async function beginRestore(
  deps: RestoreDeps,
  restore: Restore,
): Promise<Beginning | OperationOutcome | 'not-yet'> {
  const { slots, store } = deps;
  const { name, uid } = restore.metadata;
  const source = await sourceOf(deps, restore);
  if (!isSource(source)) return source;
  const server = await serverOf(deps, restore);
  const claim = server?.status?.claim;
  if (!server || (claim && claim.uid !== uid && (await isHeld(store, claim)))) {
    // Others can work in the place meanwhile.
    slots.release(uid);
    return 'not-yet';
  }
  if (!slots.take(uid, () => deps.wake(name))) return 'not-yet';
  const answer = await takeClaim(deps, server.metadata.name, { kind: 'Restore', name, uid });
  if (!answer.taken) {
    slots.release(uid);
    return 'not-yet';
  }
  const space = await deps.volumes.freeSpace();
  return { strategy: chooseStrategy(restore, deps.config, { space, contentBytes: source.contentBytes }), source };
}

async function sourceOf(deps: RestoreDeps, restore: Restore): Promise<Source | OperationOutcome> {
  try {
    return await findSource(deps, restore);
  } catch (error) {
    const { reason, message, passing } = failureOf(error);
    if (passing) throw error;
    return failed(reason, message);
  }
}
