// What can be wrong with a server's directory and the files in it. Doors tell people what the code means to them.

export type VolumeErrorCode =
  /** There is no such entry; or the way to it leads out of the server's directory. */
  | 'NOT_FOUND'
  /** Too long, too deep, or with a NUL byte. */
  | 'BAD_PATH'
  /** The server's directory itself, where something in it is asked for. */
  | 'IS_ROOT'
  /** Something else, a link included, stands where the directory should be. */
  | 'NOT_A_DIRECTORY'
  | 'IS_A_DIRECTORY'
  /** A link, where something is asked that would act through it. */
  | 'IS_A_LINK'
  | 'NOT_A_LINK'
  /** A FIFO, a socket, a device, a link: nothing that is read or written. */
  | 'NOT_REGULAR'
  /** The name is taken, be it by a link that leads nowhere. */
  | 'EXISTS'
  | 'NOT_EMPTY'
  /** A directory would become its own part. */
  | 'INTO_ITSELF'
  /** The two ends are on different file systems. */
  | 'OTHER_FILE_SYSTEM'
  /** More bytes than there may be. */
  | 'TOO_LARGE'
  /** Nested deeper than a walk goes. */
  | 'TOO_DEEP'
  /** Another file system is mounted in the tree; it is never emptied. */
  | 'MOUNTED'
  /** Entries changed as fast as they were worked on; or the file is in use. */
  | 'BUSY'
  /** The file system is full, or the quota on it. */
  | 'NO_SPACE'
  /** The daemon may not. */
  | 'DENIED'
  /** Not a canonical version 4 UUID. */
  | 'BAD_UUID'
  /** The system refused; `cause` says what. */
  | 'FAILED';

/** The message names no path: a door knows which one was asked for, and what may be told of it. */
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

const meanings: Record<string, [code: VolumeErrorCode, message: string]> = {
  ENOENT: ['NOT_FOUND', 'there is no such file or directory'],
  ELOOP: ['NOT_FOUND', 'there is no such file or directory'],
  ENOTDIR: ['NOT_A_DIRECTORY', 'it is not a directory'],
  EISDIR: ['IS_A_DIRECTORY', 'it is a directory'],
  EEXIST: ['EXISTS', 'the name is taken'],
  ENOTEMPTY: ['NOT_EMPTY', 'the directory is not empty'],
  ENAMETOOLONG: ['BAD_PATH', 'a name is too long'],
  EXDEV: ['OTHER_FILE_SYSTEM', 'the target is on another file system'],
  EBUSY: ['BUSY', 'it is in use'],
  ETXTBSY: ['BUSY', 'it is a program that runs'],
  ENOSPC: ['NO_SPACE', 'the file system is full'],
  EDQUOT: ['NO_SPACE', 'the quota of the file system is used up'],
  EACCES: ['DENIED', 'the daemon may not do this'],
  EPERM: ['DENIED', 'the daemon may not do this'],
  EROFS: ['DENIED', 'the file system is read-only'],
};

/** What an error means to whoever asked for something in a server's directory. Errors that are no system's stay as they are. */
export function volumeError(error: unknown): unknown {
  const code = error instanceof VolumeError ? undefined : errorCode(error);
  if (code === undefined) return error;
  const [meaning, message] = meanings[code] ?? ['FAILED', `the system refused: ${code}`];
  return new VolumeError(meaning, message, { cause: error });
}
