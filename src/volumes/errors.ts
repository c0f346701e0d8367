// What can be wrong with a server's directory, beyond what the system says.

export type VolumeErrorCode =
  /** Something else, a link included, stands where the directory should be. */
  | 'NOT_A_DIRECTORY'
  /** Nested deeper than a walk goes. */
  | 'TOO_DEEP'
  /** Another file system is mounted in the tree; it is never emptied. */
  | 'MOUNTED'
  /** Entries came back as fast as they were removed. */
  | 'BUSY'
  /** A link, where something is asked that would act through it. */
  | 'IS_A_LINK'
  /** More bytes than there may be. */
  | 'TOO_LARGE'
  /** Not a canonical version 4 UUID. */
  | 'BAD_UUID'
  /** The system refused; `cause` says what. */
  | 'FAILED';

/** The message names the server and never a path. */
export class VolumeError extends Error {
  readonly code: VolumeErrorCode;

  constructor(code: VolumeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'VolumeError';
    this.code = code;
  }
}

/** `ENOENT` and its kind; `undefined` for what is not an error of the system. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
