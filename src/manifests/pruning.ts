// Deletes what came from this directory and is declared there no more. Nothing goes by mistake: an object must have been
// absent for a while, in looks at the whole directory that found no fault in it. What a manifest did not make, and what
// was made from another directory, is never touched; files of servers stay unless their reclaimPolicy says otherwise.
import type { Clock } from '../clock/clock.ts';
import type { Admission } from '../resources/admission.ts';
import { ForbiddenError } from '../resources/errors.ts';
import type { EventRecorder } from '../resources/event.ts';
import type { StoredObject } from '../resources/object.ts';
import type { Server } from '../resources/server.ts';
import type { Informer } from '../runtime/informer.ts';
import { ConflictError, NotFoundError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import { referenceOf } from './object-writer.ts';
import { memoIn } from './stated-fields.ts';

/** Editors and checkouts take a file away before they put the new one in its place. */
export const absenceMs = 5_000;

export interface PruningOptions {
  directory: string;
  store: Pick<Store, 'get'>;
  admission: Pick<Admission, 'delete'>;
  servers: Pick<Informer<Server>, 'list'>;
  events: EventRecorder;
  clock: Clock;
  log: Logger;
}

export class Pruning {
  readonly #options: PruningOptions;
  /** By uid: since when an object is known to be absent, monotonic ms. */
  readonly #absent = new Map<string, number>();

  constructor(options: PruningOptions) {
    this.#options = options;
  }

  /**
   * `declared`: names of servers. Answers after how many ms to look again, if something waits for that.
   * @throws StoreUnavailableError, StoreClosedError
   */
  async prune(declared: ReadonlySet<string>, clean: boolean): Promise<number | undefined> {
    const { clock, servers } = this.#options;
    const orphans = servers.list().filter((server) => this.#isOurs(server) && !declared.has(server.metadata.name));
    const uids = new Set(orphans.map(({ metadata }) => metadata.uid));
    for (const uid of this.#absent.keys()) if (!clean || !uids.has(uid)) this.#absent.delete(uid);
    if (!clean) return undefined;
    const now = clock.monotonic();
    let next: number | undefined;
    for (const orphan of orphans) {
      const { uid } = orphan.metadata;
      const since = this.#absent.get(uid) ?? now;
      this.#absent.set(uid, since);
      if (now - since >= absenceMs) await this.#delete(orphan);
      else next = Math.min(next ?? absenceMs, since + absenceMs - now);
    }
    return next;
  }

  #isOurs(object: Server): boolean {
    if (object.spec.owner?.kind !== 'Manifest' || object.metadata.deletionTimestamp) return false;
    const { directory = this.#options.directory } = memoIn(object);
    return directory === this.#options.directory;
  }

  async #delete({ metadata: { name, uid } }: Server): Promise<void> {
    const { store, admission, events, log } = this.#options;
    const server = await store.get<Server>('Server', name);
    if (!server || server.metadata.uid !== uid || !this.#isOurs(server)) return;
    const { ref = '' } = server.spec.owner ?? {};
    const context = {
      ...{ by: `manifest:${ref}`, owner: { kind: 'Manifest' as const, ref }, dryRun: false },
      ...{ fieldValidation: 'Strict' as const, warn: () => {} },
    };
    try {
      await admission.delete('Server', name, { preconditions: { uid } }, context);
    } catch (error) {
      const another = [NotFoundError, ConflictError, ForbiddenError].some((kind) => error instanceof kind);
      if (!another) throw error;
      log.warn({ err: error, file: ref, name }, 'a server that is declared no more could not be deleted');
      return;
    }
    this.#absent.delete(uid);
    log.info(
      { file: ref, kind: 'Server', name, uuid: server.spec.uuid },
      'a server that is declared no more was deleted',
    );
    events.event(referenceOf(server as StoredObject), 'Normal', 'Pruned', prunedSentence(server));
  }
}

function prunedSentence({ spec: { owner, reclaimPolicy, uuid } }: Server): string {
  const files = reclaimPolicy === 'Delete' ? 'its files go with it' : `its files stay, under the uuid ${uuid}`;
  return `deleted, because ${owner?.ref ?? 'its manifest'} declares it no more; ${files}`;
}
