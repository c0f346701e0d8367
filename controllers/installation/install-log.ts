// What an install script printed, in a file as it comes: `<log_directory>/install/<server uuid>.log`. A Panel shows what
// stands behind the heading of the output. The file is bounded, belongs to the daemon alone, and tells a daemon that was
// restarted how much of the output it has.
import { constants, type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Bytes of output, as much as a transfer takes along. */
const mostBytes = 16 * 1024 * 1024;

const cutText = '\n[The output is longer than 16 MiB; the rest was not kept.]\n';

/** At the start of a line, where no value of a variable can stand. */
const outputHeading = '|\n| Script Output\n| ------------------------------\n';

/** Bytes at the begin of the output that are remembered, to know it again. */
const beginningBytes = 4096;

export interface LogFacts {
  flavour: 'pterodactyl' | 'pelican';
  uuid: string;
  image: string;
  entrypoint: string;
  kernel: string;
  /** `NAME=value`; the file has the names. */
  env: readonly string[];
}

export class InstallLog {
  readonly #file: FileHandle;
  /** Where the output begins. */
  readonly #start: number;
  /** Bytes of output in the file. */
  #kept: number;
  /** When output was written last, ms by the clock of the file system; undefined: not yet. */
  readonly writtenAt: number | undefined;
  #cut: boolean;

  private constructor(file: FileHandle, start: number, kept: number, writtenAt: number | undefined) {
    this.#file = file;
    this.#start = start;
    this.#kept = kept;
    this.#cut = kept > mostBytes;
    this.writtenAt = kept > 0 ? writtenAt : undefined;
  }

  /** An empty one in the place of whatever was there. @throws what the system says */
  static async begin(path: string, facts: LogFacts): Promise<InstallLog> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
    const file = await open(path, flags, 0o600);
    try {
      await file.chmod(0o600);
      const header = Buffer.from(headerOf(facts));
      await file.writeFile(header);
      return new InstallLog(file, header.length, 0, undefined);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** The one that is there, to be continued. `undefined`: there is none that could be. @throws what the system says */
  static async resume(path: string): Promise<InstallLog | undefined> {
    const file = await opened(path);
    if (!file) return undefined;
    try {
      const { size, mtimeMs } = await file.stat();
      const start = await findOutput(file, size);
      if (start !== undefined) return new InstallLog(file, start, size - start, mtimeMs);
    } catch (error) {
      await file.close();
      throw error;
    }
    await file.close();
    return undefined;
  }

  get kept(): number {
    return this.#kept;
  }

  /** @throws what the system says; what was written before stays */
  async append(output: Buffer): Promise<void> {
    if (this.#cut) return;
    const room = mostBytes - this.#kept;
    this.#cut = output.length > room;
    const data = this.#cut ? Buffer.concat([output.subarray(0, room), Buffer.from(cutText)]) : output;
    await this.#file.write(data, 0, data.length, this.#start + this.#kept);
    this.#kept += data.length;
  }

  /** The first bytes of the output. */
  async beginning(): Promise<Buffer> {
    const buffer = Buffer.alloc(Math.min(this.#kept, beginningBytes));
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, this.#start);
    return buffer.subarray(0, bytesRead);
  }

  /** The last line, once, however often it is asked for. */
  async end(exitCode: number): Promise<void> {
    const line = Buffer.from(`\n\nExit Code: ${exitCode}\n`);
    const tail = Buffer.alloc(Math.min(this.#kept, line.length));
    await this.#file.read(tail, 0, tail.length, this.#start + this.#kept - tail.length);
    if (tail.equals(line)) return;
    await this.#file.write(line, 0, line.length, this.#start + this.#kept);
    this.#kept += line.length;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function opened(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The heading stands near the start of the file: behind the variables, which no more than fit a start of a process. */
async function findOutput(file: FileHandle, size: number): Promise<number | undefined> {
  const buffer = Buffer.alloc(Math.min(size, 4 * 1024 * 1024));
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  const at = buffer.subarray(0, bytesRead).indexOf(outputHeading);
  return at < 0 ? undefined : at + Buffer.byteLength(outputHeading);
}

function headerOf({ flavour, uuid, image, entrypoint, kernel, env }: LogFacts): string {
  const pelican = flavour === 'pelican';
  const lines = [
    `${pelican ? 'Pelican' : 'Pterodactyl'} Server Installation Log`,
    '',
    '|',
    '| Details',
    '| ------------------------------',
    `  Server UUID:          ${uuid}`,
    `  Container Image:      ${indented(image)}`,
    `  Container Entrypoint: ${indented(entrypoint)}`,
    ...(pelican ? [`  Kernel Version:       ${kernel}`] : []),
    '',
    '|',
    '| Environment Variables',
    '| ------------------------------',
    ...env.map((variable) => `  ${withoutSecret(variable)}`),
    '',
    '',
  ];
  return `${lines.join('\n')}\n${outputHeading}`;
}

/** Set by the node or the Panel. Whatever else an egg or a user gave, and a start command made of it, may be a password. */
const openVariables = new Set([
  ...['TZ', 'SERVER_MEMORY', 'SERVER_IP', 'SERVER_PORT'],
  ...['P_SERVER_UUID', 'P_SERVER_LOCATION', 'P_SERVER_ALLOCATION_LIMIT'],
]);

function withoutSecret(variable: string): string {
  const [name = ''] = variable.split('=', 1);
  return indented(openVariables.has(name) || variable === `${name}=` ? variable : `${name}=***`);
}

/** A value of several lines is no line of the file's own. */
function indented(text: string): string {
  return text.replaceAll(/\r?\n|\r/g, '\n  ');
}
