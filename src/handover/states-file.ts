// states.json, by which Wings and this daemon tell each other which servers run: whoever starts next reads what the other
// wrote last. A word of our own in it, which Wings drops when it writes, tells whose it is.
import { constants, open } from 'node:fs/promises';
import type { ProcessState } from '../resources/server.ts';
import { processStates } from '../resources/server-status.ts';
import type { Logger } from '../telemetry/log.ts';

export type ServerStates = ReadonlyMap<string, ProcessState>;

export interface RecordedStates {
  states: ServerStates;
  /** Somebody else than this daemon wrote them: Wings, or `aileron adopt` in its name. */
  byAnother: boolean;
}

/** Of 10,000 servers, and then some. */
const maxBytes = 1024 * 1024;
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** To Wings the id of a server that it does not know. */
const ourMark = 'aileron';

/** A file that is missing, unreadable or odd says nothing: all servers count as offline then, as in Wings. */
export async function readStates(path: string, log: Logger): Promise<RecordedStates> {
  try {
    return statesOf(await textOf(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn({ path, err: error }, 'the states of servers that were written last cannot be read');
    return { states: new Map(), byAnother: false };
  }
}

/** @throws Error for what is no map of texts; entries that are no state of a server are left out */
export function statesOf(text: string): RecordedStates {
  const read: unknown = JSON.parse(text);
  if (typeof read !== 'object' || read === null || Array.isArray(read)) throw new Error('not a map of states');
  const states = new Map<string, ProcessState>();
  for (const [uuid, word] of Object.entries(read)) {
    const state = processStates.find((known) => known === word);
    if (state && uuidPattern.test(uuid)) states.set(uuid, state);
  }
  return { states, byAnother: !Object.hasOwn(read, ourMark) };
}

export function textOfStates(states: ServerStates): string {
  const entries = [...states].sort(([one], [other]) => (one < other ? -1 : 1));
  return `${JSON.stringify({ [ourMark]: 'offline', ...Object.fromEntries(entries) })}\n`;
}

async function textOf(path: string): Promise<string> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (!(await file.stat()).isFile()) throw new Error('not a regular file');
  const { bytesRead, buffer } = await file.read(Buffer.alloc(maxBytes + 1), 0, maxBytes + 1, 0);
  if (bytesRead > maxBytes) throw new Error(`more than ${maxBytes} bytes`);
  return buffer.toString('utf8', 0, bytesRead);
}
