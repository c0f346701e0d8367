// The one way from a door into the store: what comes in is checked, completed, stamped and only then written. Each call
// leaves the store as it was when it throws, and writes nothing at all in a dry run.
import { randomBytes, randomUUID } from 'node:crypto';
import { type Clock, timestamp } from '../clock/clock.ts';
import { ConflictError, NotFoundError } from '../store/errors.ts';
import { applyMergePatch } from '../store/merge-patch.ts';
import { applyWrite, type Write } from '../store/object-write.ts';
import type { Preconditions, Store } from '../store/store.ts';
import { BookedReader } from './booked-reader.ts';
import { ForbiddenError, InvalidError, UnknownFieldsError } from './errors.ts';
import { eventNamespace } from './event.ts';
import type { Admitted } from './kind-rules.ts';
import type { KindDefinition } from './kinds.ts';
import { validateMetadata } from './metadata-validation.ts';
import type { ObjectInput, StoredObject } from './object.ts';
import { checkStatusWriter, type Owner } from './ownership.ts';
import { rulesOf } from './rules-by-kind.ts';
import { validateSchema } from './schema-validation.ts';
import { Turns } from './turns.ts';
import { asInput, asObject, checkPin, type Input, pinnedBy, statesFinalizers, writableKind } from './write-input.ts';

/** Who writes, and how. */
export interface WriteContext {
  /** For people: `aileron-admin`, `manifest:demo.yaml`. */
  by: string;
  owner: Owner;
  dryRun: boolean;
  /** What becomes of fields the kind does not have: an error, a warning, nothing. They are never stored. */
  fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  warn(message: string): void;
}

export interface AdmissionOptions {
  store: Store;
  nodeName: string;
  clock: Clock;
  newId?: () => string;
}

/** A writer that did not pin a resourceVersion is tried again on the newer object this often. */
const maxAttempts = 8;

/** What a write makes of the object; a whole object or a patch of the current one. */
interface Wish {
  object: Input;
  /** The patch, where there was one: what it names is asked for, though it may stand there already. */
  patch?: Input;
  /** The writer said which finalizers there shall be. */
  statesFinalizers?: boolean;
}

export class Admission {
  readonly #options: Required<AdmissionOptions>;
  /** Writes of one object go one at a time, and so do those that take what must be unique in the kind. */
  readonly #turns = new Turns();

  readonly #reader: BookedReader;

  constructor(options: AdmissionOptions) {
    this.#options = { newId: randomUUID, ...options };
    this.#reader = new BookedReader(options.store);
  }

  /** `metadata.generateName` makes a name when there is none. @throws InvalidError, UnknownFieldsError, ForbiddenError, AlreadyExistsError, OperationConflictError */
  async create(kind: string, input: unknown, context: WriteContext): Promise<StoredObject> {
    const definition = writableKind(kind);
    if (kind === 'Node') throw new ForbiddenError('a node registers itself');
    const { store } = this.#options;
    const object = named(asObject(definition, input));
    const admitted = this.#admit(definition, { object }, undefined, context);
    return this.#compared(kind, undefined, admitted, async (object) => {
      if (!context.dryRun) return store.create(object);
      return this.#wouldBe({ op: 'create', object }, await store.get(kind, object.metadata.name));
    });
  }

  /** Replaces all but status. @throws as `create`, NotFoundError, ConflictError, PowerConflictError */
  async update(kind: string, name: string, input: unknown, context: WriteContext): Promise<StoredObject> {
    const definition = writableKind(kind);
    const object = asObject(definition, input);
    return this.#replace(definition, name, pinnedBy(object), context, () => {
      return { object: structuredClone(object), statesFinalizers: statesFinalizers(object) };
    });
  }

  /** JSON merge patch of all but status. @throws as `update` */
  async patch(kind: string, name: string, mergePatch: Input, context: WriteContext): Promise<StoredObject> {
    const definition = writableKind(kind);
    const patch = asInput(definition, mergePatch);
    return this.#replace(definition, name, pinnedBy(patch), context, (current) => {
      const object = asObject(definition, applyMergePatch(current, patch));
      return { object, patch, statesFinalizers: statesFinalizers(patch) };
    });
  }

  /** @throws InvalidError, NotFoundError, ConflictError */
  async updateStatus(kind: string, name: string, input: unknown, context: WriteContext): Promise<StoredObject> {
    const definition = writableKind(kind);
    const object = asObject(definition, input);
    return this.#replaceStatus(definition, name, pinnedBy(object), context, () => object['status']);
  }

  /** @throws as `updateStatus` */
  async patchStatus(kind: string, name: string, mergePatch: Input, context: WriteContext): Promise<StoredObject> {
    const definition = writableKind(kind);
    const patch = asInput(definition, mergePatch);
    return this.#replaceStatus(definition, name, pinnedBy(patch), context, (current) => {
      return (applyMergePatch(current, patch) as Input)['status'];
    });
  }

  /**
   * Answers the object: marked when finalizers hold it, else its last state. `finalizer`: what the garbage collector is to
   * do with its dependents before it goes. @throws NotFoundError, ConflictError, ForbiddenError
   */
  async delete(
    kind: string,
    name: string,
    { preconditions = {}, finalizer }: { preconditions?: Preconditions; finalizer?: DependentsFinalizer },
    context: WriteContext,
  ): Promise<StoredObject> {
    writableKind(kind);
    const rules = rulesOf(kind);
    return this.#repeatedly(kind, name, preconditions.resourceVersion, async () => {
      const current = await this.#existing(kind, name);
      return this.#turns.take(rules?.turnsOfDeletion ?? [], async () => {
        await rules?.checkDeletion(current, context.owner, this.#reader);
        return this.#delete(current, { preconditions, finalizer }, context);
      });
    });
  }

  /** What was looked at is what is deleted: whoever changed it meanwhile makes this a conflict. */
  async #delete(
    current: StoredObject,
    { preconditions, finalizer }: { preconditions: Preconditions; finalizer: DependentsFinalizer | undefined },
    context: WriteContext,
  ): Promise<StoredObject> {
    const { store } = this.#options;
    const { kind, metadata } = current;
    const { name, uid, resourceVersion } = metadata;
    const asSeen = { uid: preconditions.uid ?? uid, resourceVersion: preconditions.resourceVersion ?? resourceVersion };
    const marked = withDependentsFinalizer(current, finalizer);
    if (context.dryRun) return this.#wouldBe({ op: 'delete', kind, name, preconditions }, marked);
    if (marked === current) return store.delete(kind, name, asSeen);
    checkPin(current, preconditions.resourceVersion);
    if (asSeen.uid !== uid) return store.delete(kind, name, asSeen);
    const { finalizers } = marked.metadata;
    await store.patch(kind, name, { metadata: { uid, resourceVersion, finalizers } });
    return store.delete(kind, name, { uid });
  }

  async #replace(
    kind: KindDefinition,
    name: string,
    pinned: string | undefined,
    context: WriteContext,
    wishOf: (current: StoredObject) => Wish,
  ): Promise<StoredObject> {
    const once = warningOnce(context);
    return this.#repeatedly(kind.kind, name, pinned, async () => {
      const current = await this.#existing(kind.kind, name);
      checkPin(current, pinned);
      const wish = wishOf(current);
      const metadata = { ...(wish.object['metadata'] as Input), name };
      const admitted = this.#admit(kind, { ...wish, object: { ...wish.object, metadata } }, current, once);
      const { resourceVersion } = current.metadata;
      const object = { ...admitted, metadata: { ...admitted.metadata, resourceVersion } };
      return this.#compared(kind.kind, current, object, async (compared) => {
        if (context.dryRun) return this.#wouldBe({ op: 'update', object: compared }, current);
        return this.#options.store.update(compared);
      });
    });
  }

  async #replaceStatus(
    kind: KindDefinition,
    name: string,
    pinned: string | undefined,
    context: WriteContext,
    statusOf: (current: StoredObject) => unknown,
  ): Promise<StoredObject> {
    const once = warningOnce(context);
    return this.#repeatedly(kind.kind, name, pinned, async () => {
      const current = await this.#existing(kind.kind, name);
      checkPin(current, pinned);
      checkStatusWriter(current, context.owner);
      const object: Input = { ...structuredClone(current), status: structuredClone(statusOf(current)) };
      this.#check(kind, object, current, once);
      const written = { ...current, status: object['status'] };
      if (context.dryRun) return this.#wouldBe({ op: 'updateStatus', object: written }, current);
      return this.#options.store.updateStatus(written);
    });
  }

  /** Everything between what a writer sent and what may be stored, but the comparison with other objects. */
  #admit(
    kind: KindDefinition,
    { object, patch, statesFinalizers = false }: Wish,
    current: StoredObject | undefined,
    context: WriteContext,
  ): ObjectInput {
    const stated = structuredClone(object['spec']);
    delete object['status'];
    this.#check(kind, object, current, context);
    const checked = object as ObjectInput;
    if (kind.namespaced) checked.metadata.namespace = eventNamespace;
    const rules = rulesOf(kind.kind);
    if (!rules) return checked;
    const { nodeName, clock, newId } = this.#options;
    return rules.admit({
      object: checked,
      stated,
      ...(patch ? { patch } : {}),
      statesFinalizers,
      current,
      nodeName,
      stamp: { newId, now: timestamp(clock), by: context.by },
      context,
    });
  }

  /** Fills in defaults, takes out unknown fields, and tells every mistake at once. */
  #check(kind: KindDefinition, object: Input, current: StoredObject | undefined, context: WriteContext): void {
    const { fieldValidation, warn } = context;
    const metadata = object['metadata'] as Input;
    const { causes, unknown } = validateSchema(kind, object);
    if (unknown.length > 0 && fieldValidation === 'Strict') throw new UnknownFieldsError(kind.kind, unknown);
    if (fieldValidation === 'Warn') for (const field of unknown) warn(`unknown field "${field}"`);
    const all = [...validateMetadata(kind, metadata, current?.metadata), ...causes];
    if (all.length > 0) throw new InvalidError(kind.kind, String(metadata['name'] ?? ''), all);
  }

  /** The object as the write would leave it. Nothing is stored, so the resourceVersion does not move. */
  #wouldBe(write: Write, current: StoredObject | undefined): StoredObject {
    const { clock, newId } = this.#options;
    const change = applyWrite(write, current, { revision: 0, now: timestamp(clock), newUid: newId });
    const object = change?.object ?? current;
    if (!object) throw new Error('a dry run of nothing');
    return { ...object, metadata: { ...object.metadata, resourceVersion: current?.metadata.resourceVersion ?? '' } };
  }

  async #existing(kind: string, name: string): Promise<StoredObject> {
    const object = await this.#options.store.get(kind, name);
    if (!object) throw new NotFoundError(kind, name);
    return object;
  }

  /** Other doors wait for their turn, controllers do not: a writer that pinned no version follows their writes. */
  async #repeatedly<T>(kind: string, name: string, pinned: string | undefined, attempt: () => Promise<T>): Promise<T> {
    return this.#turns.take([`${kind}/${name}`], async () => {
      for (let attempts = 1; ; attempts++) {
        try {
          return await attempt();
        } catch (error) {
          if (!(error instanceof ConflictError) || pinned !== undefined || attempts >= maxAttempts) throw error;
        }
      }
    });
  }

  /** Writes what the comparison with other objects leaves, and lets nobody change those in between. */
  async #compared<T>(
    kind: string,
    current: StoredObject | undefined,
    admitted: ObjectInput,
    write: (compared: ObjectInput) => Promise<T>,
  ): Promise<T> {
    const rules = rulesOf(kind);
    const object = admitted as Admitted;
    const turns = rules?.turnsOf(object, current) ?? [];
    if (!rules || turns.length === 0) return write(admitted);
    return this.#turns.take(turns, async () => {
      const compared = await rules.compare(object, current, this.#reader);
      return this.#reader.written(compared, () => write(compared));
    });
  }
}

/** `metadata.generateName` makes a name when there is none. */
function named(object: Input): Input {
  const metadata = object['metadata'] as Input;
  const { name, generateName } = metadata;
  if ((name !== undefined && name !== '') || typeof generateName !== 'string') return object;
  return {
    ...object,
    metadata: { ...metadata, name: `${generateName}${randomBytes(3).toString('hex').slice(0, 5)}` },
  };
}

type DependentsFinalizer = 'foregroundDeletion' | 'orphan';

/** Dependents can be deleted first or be set free, not both: the newest wish counts. */
function withDependentsFinalizer(object: StoredObject, finalizer: DependentsFinalizer | undefined): StoredObject {
  const finalizers = object.metadata.finalizers ?? [];
  if (!finalizer || finalizers.includes(finalizer)) return object;
  const others = finalizers.filter((other) => other !== 'foregroundDeletion' && other !== 'orphan');
  return { ...object, metadata: { ...object.metadata, finalizers: [...others, finalizer] } };
}

/** A write that is tried again warns no second time. */
function warningOnce(context: WriteContext): WriteContext {
  const said = new Set<string>();
  return {
    ...context,
    warn(message) {
      if (said.has(message)) return;
      said.add(message);
      context.warn(message);
    },
  };
}
