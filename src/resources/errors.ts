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
    | 'FieldValueTooLong'
    | 'FieldValueTooMany';
  /** Without the field. */
  message: string;
}

/** The object cannot be as it is written. */
export class InvalidError extends Error {
  readonly kind: string;
  readonly objectName: string;
  readonly causes: FieldCause[];
  constructor(kind: string, objectName: string, causes: FieldCause[]) {
    super(
      `${kind} "${objectName}" is invalid: ${causes.map(({ field, message }) => `${field}: ${message}`).join(', ')}`,
    );
    this.name = 'InvalidError';
    this.kind = kind;
    this.objectName = objectName;
    this.causes = causes;
  }
}

/** The writer asked that fields the kind does not have be refused. */
export class UnknownFieldsError extends Error {
  readonly kind: string;
  /** Paths of the fields. */
  readonly fields: string[];
  constructor(kind: string, fields: string[]) {
    super(`${kind} has no field ${fields.map((field) => `"${field}"`).join(', ')}`);
    this.name = 'UnknownFieldsError';
    this.kind = kind;
    this.fields = fields;
  }
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
