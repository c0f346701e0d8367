// Leaves the queue: a server that nobody else has, a backup that can be restored, a place on the node, and a way to do it.
// The server comes first, and is kept in the queue: nobody starts a process that would be stopped again.

import { ObjectStoreError } from '../../src/objectstore/object-store.ts';
import type { Restore } from '../../src/resources/restore.ts';
import { type BackoffLimits, backoffMs } from '../../src/runtime/backoff.ts';
import { takeClaim } from '../../src/runtime/claims.ts';
import type { OperationOutcome } from '../../src/runtime/operation-status.ts';
import { failed } from './decision.ts';
import { type RestoreDeps, serverOf, tell, type Work } from './deps.ts';
import { failureOf } from './failures.ts';
import { chooseStrategy, type Strategy } from './plans.ts';
import { findSource, isSource, type Source } from './source.ts';

/** Some minutes in all, for a backup directory on the network that comes back. */
const mostLooks = 8;
const lookRetry: BackoffLimits = { baseMs: 1_000, maxMs: 60_000 };

export interface Beginning {
  strategy: Strategy;
  source: Source;
}

/** To be asked again after so long. */
export interface Later {
  laterMs: number;
}

/** `not-yet`: the release of the server or of a place wakes it. An outcome: there is nothing to begin. */
export async function beginRestore(
  deps: RestoreDeps,
  restore: Restore,
  work: Work,
): Promise<Beginning | OperationOutcome | Later | 'not-yet'> {
  const { slots, config, volumes } = deps;
  const { name, uid } = restore.metadata;
  const server = await serverOf(deps, restore);
  const answer = server && (await takeClaim(deps, server.metadata.name, { kind: 'Restore', name, uid }));
  if (!answer?.taken) {
    // Others can work in the place meanwhile.
    slots.release(uid);
    return 'not-yet';
  }
  const source = await sourceOf(deps, restore, work);
  if (!isSource(source)) return source;
  if (!slots.take(uid, () => deps.wake(name))) return 'not-yet';
  return { strategy: chooseStrategy(restore, config, { space: await volumes.freeSpace(), ...source }), source };
}

/** A backup directory that cannot be read may be so for a moment, and says so each time; not for ever. */
async function sourceOf(deps: RestoreDeps, restore: Restore, work: Work): Promise<Source | OperationOutcome | Later> {
  try {
    const source = await findSource(deps, restore);
    work.failedLooks = 0;
    return source;
  } catch (error) {
    if (!(error instanceof ObjectStoreError)) throw error;
    const { reason, message, passing } = failureOf(error);
    // It may have been set aside for this one.
    deps.slots.release(restore.metadata.uid);
    deps.log.warn({ err: error, restore: restore.metadata.name }, 'the archive of a restore cannot be looked at');
    work.failedLooks += 1;
    if (!passing || work.failedLooks >= mostLooks) return failed(reason, message);
    tell(deps, restore, 'Warning', reason, `${message} It is tried again.`);
    return { laterMs: backoffMs(work.failedLooks, lookRetry, Math.random) };
  }
}
