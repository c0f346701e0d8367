// What a store may answer instead of a result. They cross the worker's border as data: `code` names the class.

export class StoreError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

export class NotFoundError extends StoreError {
  constructor(kind: string, name: string) {
    super('NotFound', `${kind} "${name}" not found`);
  }
}

export class AlreadyExistsError extends StoreError {
  constructor(kind: string, name: string) {
    super('AlreadyExists', `${kind} "${name}" already exists`);
  }
}

/** The writer saw an older object than the current one: read again and repeat. */
export class ConflictError extends StoreError {
  constructor(message: string) {
    super('Conflict', message);
  }
}

/** The revision asked for is no longer known, or the reader was too slow: list again. */
export class ExpiredError extends StoreError {
  constructor(message: string) {
    super('Expired', message);
  }
}

export class StoreClosedError extends StoreError {
  constructor() {
    super('Closed', 'the store is closed');
  }
}

/** The store could not do its work (disk full, I/O error). Nothing of the write was kept. */
export class StoreUnavailableError extends StoreError {
  constructor(message: string, options?: ErrorOptions, code = 'Unavailable') {
    super(code, message, options);
  }
}

/** No space is left for the state. Nothing of the write was kept; with space back the store goes on by itself. */
export class StoreFullError extends StoreUnavailableError {
  constructor(options?: ErrorOptions) {
    super('the file system of the state is full', options, 'Full');
  }
}

/** Another daemon holds the state. */
export class StoreLockedError extends StoreError {
  constructor(message: string, options?: ErrorOptions) {
    super('Locked', message, options);
  }
}

/** What was written is not an object: no kind or name, labels that are not strings, not JSON. */
export class MalformedObjectError extends StoreError {
  constructor(message: string, options?: ErrorOptions) {
    super('Malformed', message, options);
  }
}

/** The object would be larger than a store keeps. */
export class ObjectTooLargeError extends StoreError {
  constructor(message: string) {
    super('TooLarge', message);
  }
}

/** The state was written by a newer version or by another program. It was left as it is. */
export class StoreVersionError extends StoreError {
  constructor(message: string) {
    super('Version', message);
  }
}
