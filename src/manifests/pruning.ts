// Deletes what came from this directory and is declared there no more. Nothing goes by mistake: an object must have been
// absent for a while, in looks at the whole directory that found no fault in it. What a manifest did not make, and what
// was made from another directory, is never touched; files of servers stay unless their reclaimPolicy says otherwise, and
// a backup, which is nothing but data, is let go and stays.
import type { Clock } from '../clock/clock.ts';
import type { Admission, WriteContext } from '../resources/admission.ts';
import { ForbiddenError } from '../resources/errors.ts';
import type { EventRecorder } from '../resources/event.ts';
import { backupKind, serverKind } from '../resources/kinds.ts';
import type { StoredObject } from '../resources/object.ts';
import { ownerOf } from '../resources/ownership.ts';
import type { Server } from '../resources/server.ts';
import { ConflictError, NotFoundError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ObjectCache } from './caches.ts';
import { referenceOf } from './object-writer.ts';
import { memoAnnotation, memoIn } from './stated-fields.ts';

/** Editors and checkouts take a file away before they put the new one in its place. */
export const absenceMs = 5_000;

export interface PruningOptions {
  directory: string;
  store: Pick<Store, 'get'>;
  admission: Pick<Admission, 'delete' | 'patch'>;
  /** Of the kinds that go with their manifests. */
  caches: readonly Pick<ObjectCache, 'kind' | 'list'>[];
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
   * `declared`: `<kind>/<name>` each. Answers after how many ms to look again, if something waits for that.
   * @throws StoreUnavailableError, StoreClosedError
   */
  async prune(declared: ReadonlySet<string>, clean: boolean): Promise<number | undefined> {
    const { clock, caches } = this.#options;
    const orphans = caches
      .flatMap((cache) => cache.list())
      .filter((object) => this.#isOurs(object) && !declared.has(`${object.kind}/${object.metadata.name}`));
    const uids = new Set(orphans.map(({ metadata }) => metadata.uid));
    for (const uid of this.#absent.keys()) if (!clean || !uids.has(uid)) this.#absent.delete(uid);
    if (!clean) return undefined;
    const now = clock.monotonic();
    let next: number | undefined;
    for (const orphan of orphans) {
      const { uid } = orphan.metadata;
      const since = this.#absent.get(uid) ?? now;
      this.#absent.set(uid, since);
      if (now - since >= absenceMs) await this.#part(orphan);
      else next = Math.min(next ?? absenceMs, since + absenceMs - now);
    }
    return next;
  }

  #isOurs(object: StoredObject): boolean {
    if (ownerOf(object)?.kind !== 'Manifest' || object.metadata.deletionTimestamp) return false;
    const { directory } = memoIn(object);
    // A backup without the annotation was let go.
    if (directory === undefined) return object.kind !== backupKind.kind;
    return directory === this.#options.directory;
  }

  async #part({ kind, metadata: { name, uid } }: StoredObject): Promise<void> {
    const { store, log } = this.#options;
    const object = await store.get(kind, name);
    if (object?.metadata.uid !== uid || !this.#isOurs(object)) return;
    const ref = ownerOf(object)?.ref ?? '';
    const context: WriteContext = {
      ...{ by: `manifest:${ref}`, owner: { kind: 'Manifest', ref }, dryRun: false },
      ...{ fieldValidation: 'Strict', warn: () => {} },
    };
    try {
      if (kind === backupKind.kind) await this.#letGo(object, context);
      else await this.#delete(object, context);
    } catch (error) {
      const another = [NotFoundError, ConflictError, ForbiddenError].some((one) => error instanceof one);
      if (!another) throw error;
      log.warn({ err: error, file: ref, kind, name }, 'an object that is declared no more could not be deleted');
      return;
    }
    this.#absent.delete(uid);
  }

  async #delete(object: StoredObject, context: WriteContext): Promise<void> {
    const { admission, events, log } = this.#options;
    const { kind, metadata } = object;
    const { name, uid } = metadata;
    await admission.delete(kind, name, { preconditions: { uid } }, context);
    const { uuid } = (object.spec ?? {}) as { uuid?: string };
    log.info({ file: context.owner.ref, kind, name, uuid }, 'an object that is declared no more was deleted');
    events.event(referenceOf(object), 'Normal', 'Pruned', prunedSentence(object));
  }

  async #letGo(object: StoredObject, context: WriteContext): Promise<void> {
    const { admission, events, log } = this.#options;
    const { kind, metadata } = object;
    const { name, resourceVersion } = metadata;
    const patch = { metadata: { resourceVersion, annotations: { [memoAnnotation]: null } } };
    await admission.patch(kind, name, patch, context);
    const file = context.owner.ref;
    log.warn({ file, kind, name }, 'a backup that is declared no more was let go');
    const message = `${file} declares it no more; it stays, as its archive would go with it: kubectl delete backup ${name} deletes both`;
    events.event(referenceOf(object), 'Warning', 'LetGo', message);
  }
}

function prunedSentence(object: StoredObject): string {
  const said = `deleted, because ${ownerOf(object)?.ref ?? 'its manifest'} declares it no more`;
  if (object.kind !== serverKind.kind) return `${said}; what it made stays`;
  const { reclaimPolicy, uuid } = (object as Server).spec;
  return reclaimPolicy === 'Delete'
    ? `${said}; its files go with it`
    : `${said}; its files stay, under the uuid ${uuid}`;
}
