// Names of signals as people write them, read as Docker takes them.

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

/** `SIGINT` for `INT`, `sigint` or `^C`; undefined when there is no such signal. */
export function signalNamed(text: string): string | undefined {
  const upper = text.trim().toUpperCase();
  if (interruptNames.includes(upper)) return 'SIGINT';
  const name = upper.startsWith('SIG') ? upper.slice('SIG'.length) : upper;
  return signalNames.has(name) || realtimeName.test(name) ? `SIG${name}` : undefined;
}
