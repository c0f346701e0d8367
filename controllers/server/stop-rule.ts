// How a server is asked to stop: what an egg says, read as an action. Containers contract §11.

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

/** What people write for the key that interrupts a program. */
const interruptNames: readonly string[] = ['C', '^C'];

const signalNames: ReadonlySet<string> = new Set(
  (
    'ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM ' +
    'TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX'
  ).split(' '),
);

/** What Docker knows of them: RTMIN+1 to RTMIN+15 and RTMAX-1 to RTMAX-14. */
const realtimeName = /^(RTMIN\+([1-9]|1[0-5])|RTMAX-([1-9]|1[0-4]))$/;

/** A type that is none of ours is a signal, and a signal that nobody knows is SIGKILL: a server can always be stopped. */
export function stopActionOf({ type, value }: StopRule): StopAction {
  if (type === 'command') return { kind: 'command', line: value };
  if (type === 'stop') return { kind: 'stop' };
  return { kind: 'signal', signal: signalOf(value) };
}

function signalOf(value: string): string {
  const upper = value.trim().toUpperCase();
  if (interruptNames.includes(upper)) return 'SIGINT';
  const name = upper.startsWith('SIG') ? upper.slice('SIG'.length) : upper;
  return signalNames.has(name) || realtimeName.test(name) ? `SIG${name}` : 'SIGKILL';
}

/** Ctrl-P and Ctrl-Q, which detach a terminal from its container. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these two are what it is about
const detachBytes = /[\x10\x11]/g;

/** A command as the console takes it: the text without the bytes that would cut us off, and the Enter key. */
export function commandBytes(text: string): Buffer {
  return Buffer.from(`${text.replace(detachBytes, '')}\n`);
}
