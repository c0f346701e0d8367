// What a write makes of an object: the one place that knows which part of an object is the writer's and which the
// store's. Pure, so that every embedded store follows the same rules and differs only in where it keeps the outcome.
import { isDeepStrictEqual } from 'node:util';
import type { ObjectInput, ObjectMeta, StoredObject } from '../resources/object.ts';
import { AlreadyExistsError, ConflictError, MalformedObjectError, NotFoundError } from './errors.ts';
import { checkDepth, isRecord, type JsonRecord } from './json.ts';
import { applyMergePatch } from './merge-patch.ts';
import type { Preconditions } from './store.ts';

/** A write as plain data, fit to cross to another thread as JSON. */
export type Write =
  | { op: 'create' | 'update' | 'updateStatus'; object: ObjectInput }
  | { op: 'patch'; kind: string; name: string; patch: JsonRecord }
  | { op: 'delete'; kind: string; name: string; preconditions: Preconditions };

/** What the store gives to the write, if it turns out to change something. */
export interface Stamp {
  revision: number;
  /** RFC 3339. */
  now: string;
  newUid: () => string;
}

export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  /** The object after the write; of a deleted one the last state, with the revision of its deletion. */
  object: StoredObject;
}

type WritersMetadata = Pick<ObjectMeta, 'labels' | 'annotations' | 'finalizers' | 'ownerReferences'>;

/** Which object a write is about. @throws MalformedObjectError */
export function targetOf(write: Write): { kind: string; name: string } {
  if (write.op === 'patch' || write.op === 'delete') return { kind: write.kind, name: write.name };
  const { object } = write;
  if (!isRecord(object)) throw new MalformedObjectError('an object is wanted');
  if (!isText(object.kind)) throw new MalformedObjectError('kind must be a text that is not empty');
  if (!isText(object.apiVersion)) throw new MalformedObjectError('apiVersion must be a text that is not empty');
  if (!isRecord(object.metadata)) throw new MalformedObjectError('metadata must be an object');
  if (!isText(object.metadata.name)) throw new MalformedObjectError('metadata.name must be a text that is not empty');
  return { kind: object.kind, name: object.metadata.name };
}

/**
 * `current` is the object the write is about (see targetOf), undefined when there is none.
 * Answers undefined when the write changes nothing: the current object stays as it is.
 * @throws NotFoundError, AlreadyExistsError, ConflictError, MalformedObjectError
 */
export function applyWrite(write: Write, current: StoredObject | undefined, stamp: Stamp): Change | undefined {
  checkDepth(write);
  const { kind, name } = targetOf(write);
  if (write.op === 'create') {
    if (current) throw new AlreadyExistsError(kind, name);
    return { type: 'ADDED', object: created(write.object, stamp) };
  }
  if (!current) throw new NotFoundError(kind, name);
  switch (write.op) {
    case 'update':
      return replaced(current, write.object, stamp);
    case 'updateStatus':
      checkPreconditions(current, write.object.metadata);
      return stepped(current, assembled(current, current.metadata, write.object.status), stamp);
    case 'patch':
      return replaced(current, patched(current, write.patch), stamp);
    case 'delete':
      checkPreconditions(current, write.preconditions);
      return deleted(current, stamp);
  }
}

function created(input: ObjectInput, stamp: Stamp): StoredObject {
  const { name, namespace } = input.metadata;
  const metadata: ObjectMeta = {
    name,
    ...(isText(namespace) ? { namespace } : {}),
    uid: stamp.newUid(),
    resourceVersion: String(stamp.revision),
    generation: 1,
    creationTimestamp: stamp.now,
    ...writersMetadata(input.metadata),
  };
  return assembled(input, metadata, undefined);
}

/** Everything but `status` and the store's metadata is the input's. */
function replaced(current: StoredObject, input: ObjectInput, stamp: Stamp): Change | undefined {
  checkPreconditions(current, input.metadata);
  const { labels, annotations, finalizers, ownerReferences, ...storesMetadata } = current.metadata;
  const metadata = { ...storesMetadata, ...writersMetadata(input.metadata) };
  return stepped(current, assembled(input, metadata, current.status), stamp);
}

/** The update a patch amounts to. What it does not mention, `resourceVersion` and `uid` too, is the current object's. */
function patched(current: StoredObject, patch: JsonRecord): ObjectInput {
  if (!isRecord(patch)) throw new MalformedObjectError('a merge patch of an object must be an object');
  const merged = applyMergePatch(current, patch) as JsonRecord;
  const metadata = merged.metadata ?? {};
  if (!isRecord(metadata)) throw new MalformedObjectError('metadata must be an object');
  const { apiVersion, kind } = current;
  return { ...merged, apiVersion, kind, metadata: { ...metadata, name: current.metadata.name } };
}

function deleted(current: StoredObject, stamp: Stamp): Change | undefined {
  const resourceVersion = String(stamp.revision);
  if (!current.metadata.finalizers?.length) {
    return { type: 'DELETED', object: { ...current, metadata: { ...current.metadata, resourceVersion } } };
  }
  if (current.metadata.deletionTimestamp) return undefined;
  // The grace period of 0 says, as a Kubernetes API server does for such objects, that nothing but finalizers is waited for.
  const mark = { deletionTimestamp: stamp.now, deletionGracePeriodSeconds: 0 };
  return {
    type: 'MODIFIED',
    object: { ...current, metadata: { ...current.metadata, ...mark, resourceVersion } },
  };
}

/** Gives `next` its version if it differs; the last finalizer of an object that is being deleted takes the object along. */
function stepped(current: StoredObject, next: StoredObject, stamp: Stamp): Change | undefined {
  if (isDeepStrictEqual(current, next)) return undefined;
  const metadata = {
    ...next.metadata,
    resourceVersion: String(stamp.revision),
    generation: current.metadata.generation + (sameSpec(current, next) ? 0 : 1),
  };
  const gone = metadata.deletionTimestamp !== undefined && !metadata.finalizers?.length;
  return { type: gone ? 'DELETED' : 'MODIFIED', object: { ...next, metadata } };
}

function sameSpec(one: StoredObject, other: StoredObject): boolean {
  const { metadata: metadata1, status: status1, ...spec1 } = one;
  const { metadata: metadata2, status: status2, ...spec2 } = other;
  return isDeepStrictEqual(spec1, spec2);
}

function assembled(input: ObjectInput, metadata: ObjectMeta, status: unknown): StoredObject {
  const { apiVersion, kind, metadata: inputMetadata, status: inputStatus, ...rest } = input;
  return { apiVersion, kind, metadata, ...rest, ...(status === undefined || status === null ? {} : { status }) };
}

function checkPreconditions(current: StoredObject, { uid, resourceVersion }: Preconditions): void {
  const { name, uid: currentUid, resourceVersion: currentVersion } = current.metadata;
  if (isGiven(uid) && uid !== currentUid) {
    throw new ConflictError(
      `${current.kind} "${name}" is another object now: its uid is ${currentUid}, the write was for ${uid}`,
    );
  }
  if (isGiven(resourceVersion) && resourceVersion !== currentVersion) {
    throw new ConflictError(
      `${current.kind} "${name}" has changed: its resourceVersion is ${currentVersion}, the write was for ${resourceVersion}`,
    );
  }
}

/** Empty maps and lists are left out, so that `{}` and nothing are one state and not two. @throws MalformedObjectError */
function writersMetadata(input: Partial<WritersMetadata>): WritersMetadata {
  const { labels, annotations, finalizers, ownerReferences } = input;
  checkTexts('labels', labels);
  checkTexts('annotations', annotations);
  checkList('finalizers', finalizers, isText);
  checkList('ownerReferences', ownerReferences, isRecord);
  return {
    ...(isFilled(labels) ? { labels } : {}),
    ...(isFilled(annotations) ? { annotations } : {}),
    ...(isFilled(finalizers) ? { finalizers } : {}),
    ...(isFilled(ownerReferences) ? { ownerReferences } : {}),
  };
}

function checkTexts(field: string, value: unknown): void {
  if (value === undefined || value === null) return;
  if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string')) {
    throw new MalformedObjectError(`metadata.${field} must be an object of texts`);
  }
}

function checkList(field: string, value: unknown, isItem: (item: unknown) => boolean): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value) || !value.every(isItem)) {
    throw new MalformedObjectError(`metadata.${field} must be a list of ${isItem === isText ? 'texts' : 'objects'}`);
  }
}

function isFilled<T extends object>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null && Object.keys(value).length > 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** An empty text counts as not given, as in Kubernetes' own encoding. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}
