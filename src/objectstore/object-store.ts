// Where archives are kept: names of two parts, whole objects, nothing that is half there. A directory of this node today;
// a store that speaks S3 fits behind it too. test/conformance/object-store.ts is its definition in tests.
import type { Readable } from 'node:stream';

/** An archive is valid only with its own server: both uuids are part of its name. */
export interface ArchiveKey {
  server: string;
  backup: string;
}

export interface StoredArchive {
  key: ArchiveKey;
  /** Bytes. */
  size: number;
  /** Wall clock, ms. */
  modifiedAt: number;
}

/** Both uuids are checked by each call. @throws ObjectStoreError */
export interface ObjectStore {
  /** `undefined`: there is none. */
  stat(key: ArchiveKey): Promise<StoredArchive | undefined>;
  /** Bytes `start` to `end`, both included; default everything. What is deleted meanwhile is read to its end. @throws NOT_FOUND */
  read(key: ArchiveKey, range?: { start: number; end: number }): Promise<Readable>;
  /**
   * Takes a finished file over as the object, and its sidecar with it: nobody ever sees one half-way. The file is gone
   * afterwards. Harmless when repeated after a crash.
   */
  put(key: ArchiveKey, file: string, options: { signal: AbortSignal; onBytes?: (sent: number) => void }): Promise<void>;
  /** With its sidecar. Answers whether there was one. */
  delete(key: ArchiveKey): Promise<boolean>;
  /** All of one server, or of all servers. */
  list(server?: string): AsyncIterable<StoredArchive>;
}

export type ObjectStoreErrorCode = 'BAD_KEY' | 'NOT_FOUND' | 'NO_SPACE' | 'FAILED';

/** The message names no path of the host. */
export class ObjectStoreError extends Error {
  readonly code: ObjectStoreErrorCode;

  constructor(code: ObjectStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ObjectStoreError';
    this.code = code;
  }
}
