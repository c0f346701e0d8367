// What admission asks of one kind beyond its schema and metadata. A kind's rules are one object; rules-by-kind.ts has
// them all.
import type { Store } from '../store/store.ts';
import type { ObjectInput, StoredObject } from './object.ts';
import type { Owner } from './ownership.ts';
import type { PowerStamp } from './power.ts';

/** One write on its way through. */
export interface Admittance<T extends StoredObject = StoredObject> {
  /** Checked against the schema, defaults filled in. */
  object: ObjectInput;
  /** `spec` as the writer sent it. */
  stated: unknown;
  patch?: Record<string, unknown>;
  /** The writer said which finalizers there shall be. */
  statesFinalizers: boolean;
  current: T | undefined;
  nodeName: string;
  stamp: PowerStamp;
  context: { owner: Owner; warn(message: string): void };
}

/** An object that is right by itself: its spec is complete. */
export type Admitted<T extends StoredObject = StoredObject> = ObjectInput & { spec: T['spec'] };

export interface ObjectReader extends Pick<Store, 'get'> {
  /** All of the kind that hold the key, by name. In the turn in which it is taken. */
  holders<T extends StoredObject>(kind: string, key: string): Promise<T[]>;
}

export interface KindRules<T extends StoredObject = StoredObject> {
  /** Completes the object. Looks at no other one. @throws InvalidError, ForbiddenError, PowerConflictError, OperationConflictError */
  admit(admittance: Admittance<T>): Admitted<T>;

  /**
   * The turns that the write has to take, because it depends on other objects; in this order, and nobody may take two of
   * them in another one. Who has a turn is the only writer that needs it. Empty: it depends on none.
   */
  turnsOf(admitted: Admitted<T>, current: T | undefined): readonly string[];

  /** Under which keys `holders` finds an object. Who takes a new one has a turn that all have who take the same. */
  keysOf?(spec: T['spec']): readonly string[];

  /**
   * Compares with other objects, in those turns. Answers what is to be written.
   * @throws InvalidError, ForbiddenError, OperationConflictError
   */
  compare(admitted: Admitted<T>, current: T | undefined, reader: ObjectReader): Promise<ObjectInput>;

  /** The turns that a deletion has to take. */
  turnsOfDeletion?: readonly string[];

  /** @throws ForbiddenError, OperationConflictError */
  checkDeletion(current: T, writer: Owner, reader: ObjectReader): Promise<void>;
}
