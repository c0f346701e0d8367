// Brings one declared object into the store, through the same admission as every other writer. A second run over the same
// declaration writes nothing. What somebody else changed of what the manifest states is put back and told; what the
// manifest does not state, and whether a server runs, is left to others.
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../clock/clock.ts';
import type { Admission, WriteContext } from '../resources/admission.ts';
import { OperationConflictError } from '../resources/errors.ts';
import type { EventRecorder } from '../resources/event.ts';
import { serverKind } from '../resources/kinds.ts';
import type { StoredObject } from '../resources/object.ts';
import { ownerOf } from '../resources/ownership.ts';
import type { Server } from '../resources/server.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';
import { AlreadyExistsError, ConflictError, NotFoundError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import { cacheOf, type ObjectCache } from './caches.ts';
import type { Declaration } from './declaration.ts';
import { DriftLimit } from './drift-limit.ts';
import {
  changedByOthers,
  difference,
  type Fields,
  hasOwner,
  isFields,
  joined,
  lettingGo,
  type Memo,
  memoAnnotation,
  memoIn,
  memoOf,
  memoText,
  ownedFields,
} from './stated-fields.ts';

export interface ObjectWriterOptions {
  directory: string;
  store: Pick<Store, 'get'>;
  admission: Pick<Admission, 'create' | 'patch'>;
  caches: readonly Pick<ObjectCache, 'kind' | 'get'>[];
  events: EventRecorder;
  clock: Clock;
  log: Logger;
}

export type Written =
  | { result: 'applied' | 'unchanged' }
  /** For the end of a deletion or of another operation, or for another writer to calm down. */
  | { result: 'waiting'; retryInMs?: number };

/** Somebody else may create, change or delete the object between a look and a write. */
const maxAttempts = 4;
const racedMs = 1_000;

/** An operation that has the server takes its time. */
const busyMs = 5_000;

const maxUuids = 4_096;

interface Applied {
  object: StoredObject;
  memo: Memo;
}

export class ObjectWriter {
  readonly #options: ObjectWriterOptions;
  readonly #drift: DriftLimit;
  /** A declaration whose file changed is another one. */
  readonly #applied = new WeakMap<Declaration, Applied>();
  /** Of servers that are gone, by name: who comes back finds the files. */
  readonly #uuids = new BoundedMap<string, string>(maxUuids);

  constructor(options: ObjectWriterOptions) {
    this.#options = options;
    this.#drift = new DriftLimit(options.clock);
  }

  /** To be called for each server of a manifest that is gone. */
  gone({ metadata, spec }: Server): void {
    if (spec.uuid) this.#uuids.set(metadata.name, spec.uuid);
  }

  /** @throws what admission refuses a write with, StoreUnavailableError, StoreClosedError */
  async write(declaration: Declaration): Promise<Written> {
    const { kind, name } = declaration;
    if (this.#isApplied(declaration, this.#cached(declaration))) return { result: 'unchanged' };
    for (let attempt = 1; ; attempt += 1) {
      const current = await this.#options.store.get(kind, name);
      try {
        if (!current) return await this.#create(declaration);
        if (this.#isApplied(declaration, current)) return { result: 'unchanged' };
        if (current.metadata.deletionTimestamp) return { result: 'waiting' };
        return await this.#update(declaration, current);
      } catch (error) {
        if (error instanceof OperationConflictError) return { result: 'waiting', retryInMs: busyMs };
        const raced = [AlreadyExistsError, NotFoundError, ConflictError].some((kind) => error instanceof kind);
        if (!raced) throw error;
        if (attempt >= maxAttempts) return { result: 'waiting', retryInMs: racedMs };
      }
    }
  }

  #cached({ kind, name }: Declaration): StoredObject | undefined {
    return cacheOf(this.#options.caches, kind)?.get(name);
  }

  /** What a manifest can state did not move since it was applied. */
  #isApplied(declaration: Declaration, current: StoredObject | undefined): boolean {
    const applied = this.#applied.get(declaration)?.object;
    if (!applied || !current) return false;
    const [before, now] = [applied.metadata, current.metadata];
    return (
      before.uid === now.uid &&
      before.generation === now.generation &&
      isDeepStrictEqual([before.labels, before.annotations], [now.labels, now.annotations])
    );
  }

  async #create(declaration: Declaration): Promise<Written> {
    const { admission, events, log } = this.#options;
    const { kind, name, file } = declaration;
    const key = keyOf(declaration);
    const again = this.#applied.has(declaration);
    const delay = again ? this.#drift.delay(key) : 0;
    if (delay > 0) return { result: 'waiting', retryInMs: delay };
    const object = this.#withUuid(declaration);
    let created: StoredObject;
    try {
      const admitted = await admission.create(kind, object, this.#context(file, { dryRun: true }));
      const note = { metadata: { annotations: { [memoAnnotation]: this.#note(declaration, admitted).text } } };
      created = await admission.create(kind, joined(object, note), this.#context(file));
    } catch (error) {
      // Another server may have taken up the files of the one that is gone.
      this.#uuids.delete(name);
      throw error;
    }
    this.#remember(declaration, created);
    log.info({ file, kind, name }, 'a manifest was applied');
    if (!again) return { result: 'applied' };
    this.#drift.putBack(key);
    const told = `it was deleted by another writer and made again, because ${file} declares it`;
    events.event(referenceOf(created), 'Warning', 'DriftReverted', told);
    return { result: 'applied' };
  }

  async #update(declaration: Declaration, current: StoredObject): Promise<Written> {
    const { admission, events, log } = this.#options;
    const { kind, name, file } = declaration;
    const { resourceVersion } = current.metadata;
    const applied = this.#applied.get(declaration);
    const memo = applied?.memo ?? memoOfOwner(current);
    const owned = this.#owned(declaration);
    const changes = joined(
      difference(this.#withOwner(declaration, owned), current),
      memo && lettingGo(memo, owned, current),
    );
    const admitted = changes
      ? await admission.patch(kind, name, pinned(changes, resourceVersion), this.#context(file, { dryRun: true }))
      : current;
    const { memo: next, text } = this.#note(declaration, admitted);
    // Defaults may make equal what was written differently.
    const differs = !isDeepStrictEqual(statedParts(admitted), statedParts(current));
    if (!differs && current.metadata.annotations?.[memoAnnotation] === text) {
      this.#applied.set(declaration, { object: current, memo: next });
      return { result: 'unchanged' };
    }
    const drifted = differs && memo ? changedByOthers(memo, owned, current) : [];
    // Since the last look at the same text: a fight, unless it is the first time.
    const undone = applied !== undefined && (drifted.length > 0 || !differs);
    const delay = undone ? this.#drift.delay(keyOf(declaration)) : 0;
    if (delay > 0) return { result: 'waiting', retryInMs: delay };
    const note = { metadata: { annotations: { [memoAnnotation]: text } } };
    const patch = joined(differs ? changes : undefined, note) ?? note;
    const written = await admission.patch(kind, name, pinned(patch, resourceVersion), this.#context(file));
    this.#remember(declaration, written);
    if (undone || drifted.length > 0) this.#drift.putBack(keyOf(declaration));
    if (differs) log.info({ file, kind, name }, 'a manifest was applied');
    if (drifted.length > 0) {
      const who = writerOf(current, applied?.object);
      log.warn({ file, kind, name, fields: drifted, who }, 'another writer changed fields of a manifest; put back');
      events.event(referenceOf(written), 'Warning', 'DriftReverted', driftSentence(file, drifted, who));
    }
    return { result: differs ? 'applied' : 'unchanged' };
  }

  #owned({ kind, object }: Declaration): Fields {
    return ownedFields(kind, object);
  }

  #withOwner({ kind, file }: Declaration, owned: Fields): Fields {
    if (!hasOwner(kind) || !isFields(owned['spec'])) return owned;
    return joined(owned, { spec: { owner: { kind: 'Manifest', ref: file } } }) ?? owned;
  }

  #withUuid({ kind, name, object }: Declaration): Fields {
    const uuid = kind === serverKind.kind ? this.#uuids.get(name) : undefined;
    return uuid === undefined ? object : (joined({ spec: { uuid } }, object) ?? object);
  }

  #note(declaration: Declaration, object: StoredObject): { memo: Memo; text: string } {
    const memo = memoOf(this.#owned(declaration), object);
    return { memo, text: memoText(this.#options.directory, memo) };
  }

  #remember(declaration: Declaration, object: StoredObject): void {
    this.#applied.set(declaration, { object, memo: this.#note(declaration, object).memo });
  }

  #context(file: string, { dryRun = false } = {}): WriteContext {
    const { log } = this.#options;
    return {
      by: `manifest:${file}`,
      owner: { kind: 'Manifest', ref: file },
      dryRun,
      fieldValidation: 'Strict',
      // A dry run comes before each write and would say everything twice.
      warn: (warning) => !dryRun && log.warn({ file, warning }, 'a manifest was applied with a warning'),
    };
  }
}

export function referenceOf({ apiVersion, kind, metadata }: StoredObject) {
  const { name, uid } = metadata;
  return { apiVersion, kind, name, uid };
}

function keyOf({ kind, name }: Declaration): string {
  return `${kind}/${name}`;
}

/** Whoever is no manifest may have copied the annotation from elsewhere. */
function memoOfOwner(object: StoredObject): Memo | undefined {
  return ownerOf(object)?.kind === 'Manifest' ? memoIn(object).fields : undefined;
}

/** Only the object that was looked at: what was compared with a newer one could undo what is not drift. */
function pinned(patch: Fields, resourceVersion: string): Fields {
  return joined(patch, { metadata: { resourceVersion } }) ?? {};
}

function statedParts({ metadata, status: _, ...others }: StoredObject): unknown {
  const { labels = {}, annotations = {} } = metadata;
  return { ...others, labels, annotations };
}

/** Known of `kubectl apply` alone, which leaves a trace. */
function writerOf(current: StoredObject, before: StoredObject | undefined): string | undefined {
  const trace = 'kubectl.kubernetes.io/last-applied-configuration';
  const [now, then] = [current.metadata.annotations?.[trace], before?.metadata.annotations?.[trace]];
  return before && now !== undefined && now !== then ? 'kubectl apply' : undefined;
}

/** Names, no values: they may be secrets. */
function driftSentence(file: string, fields: readonly string[], who = 'another writer'): string {
  const shown = fields.slice(0, 8).map((field) => (field.length > 80 ? `${field.slice(0, 79)}…` : field));
  const more = fields.length > shown.length ? [`${fields.length - shown.length} more`] : [];
  return `changed by ${who} and put back to what ${file} states: ${[...shown, ...more].join(', ')}`;
}
