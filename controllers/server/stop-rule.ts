// How a server is asked to stop: what an egg says, read as an action. Containers contract §11.
import { signalNamed } from '../../src/resources/signals.ts';

export interface StopRule {
  /** `command`, `signal` or `stop`. */
  type: string;
  value: string;
}

export type StopAction =
  /** Type this line into the console. */
  | { kind: 'command'; line: string }
  /** A name as Docker takes it, such as `SIGINT`. */
  | { kind: 'signal'; signal: string }
  /** Leave it to Docker and the image. */
  | { kind: 'stop' };

/** A type that is none of ours is a signal, and a signal that nobody knows is SIGKILL: a server can always be stopped. */
export function stopActionOf({ type, value }: StopRule): StopAction {
  if (type === 'command') return { kind: 'command', line: value };
  if (type === 'stop') return { kind: 'stop' };
  return { kind: 'signal', signal: signalNamed(value) ?? 'SIGKILL' };
}

/** Ctrl-P and Ctrl-Q, which detach a terminal from its container. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these two are what it is about
const detachBytes = /[\x10\x11]/g;

/** A command as the console takes it: the text without the bytes that would cut us off, and the Enter key. */
export function commandBytes(text: string): Buffer {
  return Buffer.from(`${text.replace(detachBytes, '')}\n`);
}
