// Two system calls that Node does not have: making a whole file system durable at once, and file times to the nanosecond.
// Where the C library cannot be reached the caller does it with what Node has: file by file, and to the microsecond.

export interface Libc {
  /** Everything written to the file system of an open file is on its disk. In a thread. @throws when a write failed */
  syncFileSystem(fd: number): Promise<void>;
  /** Of an open file; access and modification alike. @throws what the system refuses */
  setTimes(fd: number, seconds: number, nanoseconds: number): void;
}

/** `struct timespec[2]` where longs are 64 bits. */
const timespecBytes = 16;

let loading: Promise<Libc | undefined> | undefined;

/** `undefined`: not on this machine. Loaded after the compression engine, which has settings of koffi to make. */
export function loadLibc(): Promise<Libc | undefined> {
  loading ??= load().catch(() => undefined);
  return loading;
}

async function load(): Promise<Libc | undefined> {
  if (!['x64', 'arm64'].includes(process.arch)) return undefined;
  const { default: koffi } = await import('koffi');
  const program = koffi.load(null);
  const syncfs = program.func('syncfs', 'int', ['int']);
  const futimens = program.func('futimens', 'int', ['int', 'void *']);
  const times = Buffer.alloc(2 * timespecBytes);
  return {
    syncFileSystem: (fd) =>
      new Promise((resolve, reject) => {
        syncfs.async(fd, (error: Error | null, answer: number) => {
          if (error) reject(error);
          else if (answer === 0) resolve();
          else reject(new Error('what was written did not reach the disk'));
        });
      }),
    setTimes(fd, seconds, nanoseconds) {
      for (const at of [0, timespecBytes]) {
        times.writeBigInt64LE(BigInt(seconds), at);
        times.writeBigInt64LE(BigInt(nanoseconds), at + 8);
      }
      if (futimens(fd, times) !== 0) throw new Error(`the time of a file cannot be set: error ${koffi.errno()}`);
    },
  };
}
