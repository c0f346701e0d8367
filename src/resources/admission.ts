// The one way from a door into the store: what comes in is checked, completed, stamped and only then written. Each call
// leaves the store as it was when it throws, and writes nothing at all in a dry run.
import { randomBytes, randomUUID } from 'node:crypto';
import { type Clock, timestamp } from '../clock/clock.ts';
import { ConflictError, NotFoundError } from '../store/errors.ts';
import { applyMergePatch } from '../store/merge-patch.ts';
import { applyWrite, type Write } from '../store/object-write.ts';
import type { Preconditions, Store } from '../store/store.ts';
import { ForbiddenError, InvalidError, UnknownFieldsError } from './errors.ts';
import { eventNamespace } from './event.ts';
import { wrongType } from './field-causes.ts';
import { apiVersionOf, findKind, type KindDefinition } from './kinds.ts';
import { validateMetadata } from './metadata-validation.ts';
import type { ObjectInput, StoredObject } from './object.ts';
import { checkDeletion, type Owner } from './ownership.ts';
import { validateSchema } from './schema-validation.ts';
import type { Server } from './server.ts';
import { admitServer } from './server-admission.ts';

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

type Input = Record<string, unknown>;

/** What a write makes of the object; a whole object or a patch of the current one. */
interface Wish {
  object: Input;
  /** The patch, where there was one: what it names is asked for, though it may stand there already. */
  patch?: Input;
}

export class Admission {
  readonly #options: Required<AdmissionOptions>;
  /** One write of a kind at a time, so that what must be unique is compared with what is really there. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: AdmissionOptions) {
    this.#options = { newId: randomUUID, ...options };
  }

  /** `metadata.generateName` makes a name when there is none. @throws InvalidError, UnknownFieldsError, ForbiddenError, AlreadyExistsError */
  create(kind: string, input: unknown, context: WriteContext): Promise<StoredObject> {
    return this.#inTurn(kind, async () => {
      const definition = definitionOf(kind);
      if (kind === 'Node') throw new ForbiddenError('a node registers itself');
      const object = this.#named(asObject(definition, input));
      const admitted = await this.#admit(definition, { object }, undefined, context);
      if (context.dryRun) return this.#wouldBe({ op: 'create', object: admitted }, undefined);
      return this.#options.store.create(admitted);
    });
  }

  /** Replaces all but status. @throws as `create`, NotFoundError, ConflictError, PowerConflictError */
  update(kind: string, name: string, input: unknown, context: WriteContext): Promise<StoredObject> {
    const definition = definitionOf(kind);
    const object = asObject(definition, input);
    return this.#replace(definition, name, pinnedBy(object), context, () => ({ object: structuredClone(object) }));
  }

  /** JSON merge patch of all but status. @throws as `update` */
  patch(kind: string, name: string, mergePatch: Input, context: WriteContext): Promise<StoredObject> {
    const definition = definitionOf(kind);
    return this.#replace(definition, name, pinnedBy(mergePatch), context, (current) => {
      const patched = applyMergePatch(current, mergePatch) as Input;
      return { object: asObject(definition, patched), patch: mergePatch };
    });
  }

  /** @throws InvalidError, NotFoundError, ConflictError */
  updateStatus(kind: string, name: string, input: unknown, context: WriteContext): Promise<StoredObject> {
    const definition = definitionOf(kind);
    const object = asObject(definition, input);
    return this.#replaceStatus(definition, name, pinnedBy(object), context, () => object['status']);
  }

  /** @throws as `updateStatus` */
  patchStatus(kind: string, name: string, mergePatch: Input, context: WriteContext): Promise<StoredObject> {
    const definition = definitionOf(kind);
    return this.#replaceStatus(definition, name, pinnedBy(mergePatch), context, (current) => {
      return (applyMergePatch(current, mergePatch) as Input)['status'];
    });
  }

  /** Answers the object: marked when finalizers hold it, else its last state. @throws NotFoundError, ConflictError, ForbiddenError */
  delete(
    kind: string,
    name: string,
    { preconditions = {}, finalizer }: { preconditions?: Preconditions; finalizer?: 'foregroundDeletion' | 'orphan' },
    context: WriteContext,
  ): Promise<StoredObject> {
    const { store } = this.#options;
    return this.#inTurn(kind, async () => {
      const current = await this.#existing(kind, name);
      if (kind === 'Server') checkDeletion(current as unknown as Server, context.owner);
      if (context.dryRun) return this.#wouldBe({ op: 'delete', kind, name, preconditions }, current);
      if (finalizer && !current.metadata.finalizers?.includes(finalizer)) {
        const finalizers = [...(current.metadata.finalizers ?? []), finalizer];
        const { uid, resourceVersion } = current.metadata;
        if (preconditions.uid && preconditions.uid !== uid) return store.delete(kind, name, preconditions);
        const marked = await store.patch(kind, name, { metadata: { resourceVersion, finalizers } });
        return store.delete(kind, name, { uid: marked.metadata.uid });
      }
      return store.delete(kind, name, preconditions);
    });
  }

  async #replace(
    kind: KindDefinition,
    name: string,
    pinned: string | undefined,
    context: WriteContext,
    wishOf: (current: StoredObject) => Wish,
  ): Promise<StoredObject> {
    return this.#inTurn(kind.kind, () =>
      this.#repeatedly(pinned, async () => {
        const current = await this.#existing(kind.kind, name);
        checkPin(current, pinned);
        const wish = wishOf(current);
        const metadata = { ...(wish.object['metadata'] as Input), name };
        const admitted = await this.#admit(kind, { ...wish, object: { ...wish.object, metadata } }, current, context);
        const { resourceVersion } = current.metadata;
        const object = { ...admitted, metadata: { ...admitted.metadata, resourceVersion } };
        if (context.dryRun) return this.#wouldBe({ op: 'update', object }, current);
        return this.#options.store.update(object);
      }),
    );
  }

  async #replaceStatus(
    kind: KindDefinition,
    name: string,
    pinned: string | undefined,
    context: WriteContext,
    statusOf: (current: StoredObject) => unknown,
  ): Promise<StoredObject> {
    return this.#repeatedly(pinned, async () => {
      const current = await this.#existing(kind.kind, name);
      checkPin(current, pinned);
      const object: Input = { ...structuredClone(current), status: structuredClone(statusOf(current)) };
      this.#check(kind, object, context);
      const written = { ...current, status: object['status'] };
      if (context.dryRun) return this.#wouldBe({ op: 'updateStatus', object: written }, current);
      return this.#options.store.updateStatus(written);
    });
  }

  /** Everything between what a writer sent and what may be stored. */
  async #admit(
    kind: KindDefinition,
    wish: Wish,
    current: StoredObject | undefined,
    context: WriteContext,
  ): Promise<ObjectInput> {
    const { object, patch } = wish;
    const stated = structuredClone(object['spec']);
    delete object['status'];
    this.#check(kind, object, context);
    const checked = object as ObjectInput;
    if (kind.namespaced) checked.metadata.namespace = eventNamespace;
    if (kind.kind !== 'Server') return checked;
    const { store, nodeName, clock, newId } = this.#options;
    return admitServer({
      object: checked,
      stated,
      ...(patch ? { patch } : {}),
      current: current as unknown as Server | undefined,
      others: async () => (await store.list('Server')).items as unknown as Server[],
      nodeName,
      stamp: { newId, now: timestamp(clock), by: context.by },
      context,
    });
  }

  /** Fills in defaults, takes out unknown fields, and tells every mistake at once. */
  #check(kind: KindDefinition, object: Input, { fieldValidation, warn }: WriteContext): void {
    const metadata = object['metadata'] as Input;
    dropNulls(metadata);
    const { causes, unknown } = validateSchema(kind, object);
    if (unknown.length > 0 && fieldValidation === 'Strict') throw new UnknownFieldsError(kind.kind, unknown);
    if (fieldValidation === 'Warn') for (const field of unknown) warn(`unknown field "${field}"`);
    const all = [...validateMetadata(metadata), ...causes];
    if (all.length > 0) throw new InvalidError(kind.kind, String(metadata['name'] ?? ''), all);
  }

  #named(object: Input): Input {
    const metadata = object['metadata'] as Input;
    const { name, generateName } = metadata;
    if ((name !== undefined && name !== '') || typeof generateName !== 'string') return object;
    return {
      ...object,
      metadata: { ...metadata, name: `${generateName}${randomBytes(3).toString('hex').slice(0, 5)}` },
    };
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

  async #repeatedly<T>(pinned: string | undefined, attempt: () => Promise<T>): Promise<T> {
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof ConflictError) || pinned !== undefined || attempts >= maxAttempts) throw error;
      }
    }
  }

  #inTurn<T>(kind: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(kind) ?? Promise.resolve()).then(work);
    // The next writer does not care how this one fared.
    this.#turns.set(
      kind,
      turn.catch(() => undefined),
    );
    return turn;
  }
}

function definitionOf(kind: string): KindDefinition {
  const definition = findKind(kind);
  if (!definition) throw new Error(`there is no kind ${kind}`);
  return definition;
}

/** A private copy with the right kind. @throws InvalidError when there is no object to speak of */
function asObject(kind: KindDefinition, input: unknown): Input {
  if (!isRecord(input)) throw new InvalidError(kind.kind, '', [wrongType('', input, 'object')]);
  const { metadata = {} } = input;
  if (!isRecord(metadata)) throw new InvalidError(kind.kind, '', [wrongType('metadata', metadata, 'object')]);
  return {
    ...structuredClone(input),
    apiVersion: apiVersionOf(kind),
    kind: kind.kind,
    metadata: structuredClone(metadata),
  };
}

/** A null is a field that is not there. */
function dropNulls(fields: Input): void {
  for (const [name, value] of Object.entries(fields)) if (value === null) delete fields[name];
}

function pinnedBy(object: Input): string | undefined {
  const { metadata } = object;
  const version = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
  return typeof version === 'string' && version !== '' ? version : undefined;
}

function checkPin({ metadata }: StoredObject, pinned: string | undefined): void {
  if (pinned !== undefined && pinned !== metadata.resourceVersion) {
    throw new ConflictError(
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
}

function isRecord(value: unknown): value is Input {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
