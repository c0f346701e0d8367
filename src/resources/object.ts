// The shape every object has, whatever its kind: the Kubernetes object conventions.

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  /** Only `Event` has one, and only `default` exists. */
  namespace?: string;
  /** Made by the store, never reused; tells two objects apart that bore one name. */
  uid: string;
  /** Opaque; equal only when nothing about the object changed in between. */
  resourceVersion: string;
  /** Rises by one with each change of spec; never with a change of status or metadata. */
  generation: number;
  /** RFC 3339, UTC, whole seconds. */
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

/** What a writer may give of `ObjectMeta`; the store makes the rest. */
export type ObjectMetaInput = Pick<ObjectMeta, 'name'> & Partial<ObjectMeta>;

/** An object as the store keeps it. Kinds narrow `spec` and `status`; `Event` has fields of its own instead. */
export interface StoredObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
  [field: string]: unknown;
}

/** An object on its way in. */
export interface ObjectInput {
  apiVersion: string;
  kind: string;
  metadata: ObjectMetaInput;
  spec?: unknown;
  status?: unknown;
  [field: string]: unknown;
}

export type ConditionStatus = 'True' | 'False' | 'Unknown';

export interface Condition {
  type: string;
  status: ConditionStatus;
  /** One word in CamelCase, for programs. */
  reason: string;
  /** A sentence, for people. */
  message: string;
  /** RFC 3339; moves only when `status` changes. */
  lastTransitionTime: string;
  observedGeneration?: number;
}
