// What excludes what on a server, as a fact in the store: status.claim, taken and released here alone, by compare and
// swap, so that of two who want it one gets it. Whoever holds it is an object; one that is gone or final holds nothing.
import { type Clock, timestamp } from '../clock/clock.ts';
import type { StoredObject } from '../resources/object.ts';
import type { Server, ServerClaim, ServerStatus } from '../resources/server.ts';
import type { Store } from '../store/store.ts';
import { mutateStatus } from './status.ts';

export type Claimant = Pick<ServerClaim, 'kind' | 'name' | 'uid'>;

export type ClaimAnswer =
  | { taken: true; server: Server }
  /** `holder` undefined: the server is gone. */
  | { taken: false; holder: ServerClaim | undefined };

/** Taking what one holds already succeeds. */
export async function takeClaim(
  { store, clock }: { store: Store; clock: Clock },
  serverName: string,
  claimant: Claimant,
): Promise<ClaimAnswer> {
  const present = await store.get<Server>('Server', serverName);
  const stale = present?.status?.claim && !(await isHeld(store, present.status.claim)) ? present.status.claim.uid : '';
  let holder: ServerClaim | undefined;
  const server = await mutateStatus<Server>(store, 'Server', serverName, (status) => {
    holder = (status as ServerStatus).claim;
    if (holder && holder.uid !== claimant.uid && holder.uid !== stale) return;
    if (holder?.uid === claimant.uid) return;
    status.claim = { kind: claimant.kind, name: claimant.name, uid: claimant.uid, since: timestamp(clock) };
  });
  if (!server) return { taken: false, holder: undefined };
  if (server.status?.claim?.uid === claimant.uid) return { taken: true, server };
  return { taken: false, holder: server.status?.claim };
}

/** Asks for the process to be stopped, or takes that back. Nothing happens unless the claim is the claimant's. */
export async function demandStop(store: Store, serverName: string, uid: string, stopServer: boolean): Promise<void> {
  await mutateStatus<Server>(store, 'Server', serverName, (status) => {
    const claim = (status as ServerStatus).claim;
    if (claim?.uid !== uid) return;
    if (stopServer) claim.stopServer = true;
    else delete claim.stopServer;
  });
}

/** Harmless when the claim is another's or there is none. */
export async function releaseClaim(store: Store, serverName: string, uid: string): Promise<void> {
  await mutateStatus<Server>(store, 'Server', serverName, (status) => {
    if ((status as ServerStatus).claim?.uid === uid) delete (status as ServerStatus).claim;
  });
}

/**
 * Releases the claim, and has the process started again if it was stopped for it. Both are one write, so that a crash
 * leaves no server behind that waits for ever. Answers false, and nothing is released, while the process is being stopped.
 */
export async function releaseClaimAndResume(
  { store, clock }: { store: Store; clock: Clock },
  serverName: string,
  uid: string,
): Promise<boolean> {
  let released = true;
  await mutateStatus<Server>(store, 'Server', serverName, (draft) => {
    const status = draft as ServerStatus;
    const { claim, operation } = status;
    released = claim?.uid !== uid || operation?.cause !== 'Restore';
    if (claim?.uid !== uid || !released) return;
    delete status.claim;
    if (claim.wasOnline) status.operation ??= { action: 'start', cause: 'Restore', startedAt: timestamp(clock) };
  });
  return released;
}

/** Takes the claim from whoever has it: for a server that is being deleted and has waited long enough. */
export async function seizeClaim(
  { store, clock }: { store: Store; clock: Clock },
  serverName: string,
  claimant: Claimant,
): Promise<void> {
  await mutateStatus<Server>(store, 'Server', serverName, (status) => {
    if ((status as ServerStatus).claim?.uid === claimant.uid) return;
    status.claim = { kind: claimant.kind, name: claimant.name, uid: claimant.uid, since: timestamp(clock) };
  });
}

/** Whether the object behind a claim is there and not at its end. A server claims itself to be deleted. */
export async function isHeld(store: Store, { kind, name, uid }: Claimant): Promise<boolean> {
  const object = await store.get<StoredObject>(kind, name);
  if (object?.metadata.uid !== uid) return false;
  const phase = (object.status as { phase?: string } | undefined)?.phase;
  return kind === 'Server' || (phase !== 'Completed' && phase !== 'Failed' && phase !== 'Cancelled');
}
