// The servers of this node as a door sees them: read only, by uuid, with every change.
import type { Server } from '../../resources/server.ts';

export interface ServerChange {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** For DELETED: the last state known. */
  object: Server;
}

export interface ServerLookup {
  /** Resolves when every server of the node is known; before, an unknown one says nothing. */
  synced(): Promise<void>;
  byUuid(uuid: string): Server | undefined;
  /** All, in no particular order. */
  list(): Server[];
  /** First, before this returns, ADDED for what is there already. The answer ends it. */
  onChange(handler: (change: ServerChange) => void): () => void;
}
