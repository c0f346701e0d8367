// What admission answers instead of an object. Doors translate them; none of them has changed anything.

/** One reason for a refusal, in the words of a Kubernetes API server. */
export interface FieldCause {
  /** `spec.limits.memory`, `spec.mounts[2].target`. */
  field: string;
  reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueTypeInvalid'
    | 'FieldValueDuplicate'
    | 'FieldValueForbidden'
    | 'FieldValueNotFound'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany';
  /** Without the field. */
  message: string;
}

/** What a reader of a refusal can use; a text full of mistakes does not make an answer full of megabytes. */
const mostTold = 100;

/** The object cannot be as it is written. At most 100 causes are kept. */
export class InvalidError extends Error {
  readonly kind: string;
  readonly objectName: string;
  readonly causes: FieldCause[];
  constructor(kind: string, objectName: string, causes: FieldCause[]) {
    const told = causes.slice(0, mostTold);
    const sentences = told.map(({ field, message }) => (field ? `${field}: ${message}` : message));
    super(`${kind} "${objectName}" is invalid: ${sentences.join(', ')}${more(causes, told)}`);
    this.name = 'InvalidError';
    this.kind = kind;
    this.objectName = objectName;
    this.causes = told;
  }
}

/** @throws InvalidError when there are causes */
export function refuse(kind: string, objectName: string, causes: FieldCause[]): void {
  if (causes.length > 0) throw new InvalidError(kind, objectName, causes);
}

/** The writer asked that fields the kind does not have be refused. At most 100 are kept. */
export class UnknownFieldsError extends Error {
  readonly kind: string;
  /** Paths of the fields. */
  readonly fields: string[];
  constructor(kind: string, fields: string[]) {
    const told = fields.slice(0, mostTold);
    super(`${kind} has no field ${told.map((field) => `"${field}"`).join(', ')}${more(fields, told)}`);
    this.name = 'UnknownFieldsError';
    this.kind = kind;
    this.fields = told;
  }
}

function more(all: readonly unknown[], told: readonly unknown[]): string {
  return all.length > told.length ? ` and ${all.length - told.length} more` : '';
}

/** This writer may not do that to this object. */
export class ForbiddenError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ForbiddenError';
  }
}

/** A power action is under way and the new one has to wait for it, or can never be. */
export class PowerConflictError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'PowerConflictError';
  }
}

/** The server is taken by an operation that this one would disturb: it may be asked for again later. */
export class OperationConflictError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OperationConflictError';
  }
}

/** The server has as many backups as it may have. */
export class BackupLimitError extends ForbiddenError {
  /** How many it may have. */
  readonly limit: number;
  /** How many it has. */
  readonly count: number;
  constructor(server: string, { limit, count }: { limit: number; count: number }) {
    const allowed = limit === 1 ? 'one backup' : `${limit} backups`;
    super(
      limit === 0
        ? `the server "${server}" may have no backups (spec.backupLimit)`
        : `the server "${server}" may have ${allowed} (spec.backupLimit) and has ${count}: delete one first`,
    );
    this.name = 'BackupLimitError';
    this.limit = limit;
    this.count = count;
  }
}
