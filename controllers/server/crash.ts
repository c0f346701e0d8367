// What follows when a process ends and nobody asked it to: the crash rules of the Wings protocol, or a restart policy
// with back-off. Pure, so that the table test can show every row.
import type { SystemConfig } from '../../src/config/config.ts';
import type { ServerSpec } from '../../src/resources/server.ts';

export interface CrashInput {
  exitCode: number;
  oomKilled: boolean;
  restartPolicy: ServerSpec['restartPolicy'];
  rules: SystemConfig['crashDetection'];
  /** Ends nobody asked for since the last requested start, without this one. */
  earlierCrashes: number;
  /** Seconds since the last handled crash; undefined = none is known. */
  sinceLastCrash: number | undefined;
  /** Seconds the process was up. */
  uptime: number;
}

export interface CrashVerdict {
  /** A clean exit that the rules do not count. */
  crashed: boolean;
  /** Console lines, in order. */
  lines: string[];
  /** ms until the restart, 0 = at once, undefined = none. */
  restartAfterMs: number | undefined;
  /** A refused restart does not renew the clock of the crash window. */
  handled: boolean;
}

const firstRestartDelayMs = 10_000;
export const longestRestartDelayMs = 300_000;

/** A process that was up this long starts its back-off anew: kubelet's figure. */
const stableSeconds = 600;

export function judgeCrash(input: CrashInput): CrashVerdict {
  return input.restartPolicy === undefined ? byCrashRules(input) : byRestartPolicy(input, input.restartPolicy);
}

function byCrashRules({ exitCode, oomKilled, rules, sinceLastCrash }: CrashInput): CrashVerdict {
  if (!rules.enabled) {
    const lines = ['Aborting automatic restart, crash detection is disabled for this instance.'];
    return { crashed: exitCode !== 0 || oomKilled, lines, restartAfterMs: undefined, handled: false };
  }
  if (exitCode === 0 && !oomKilled && !rules.detectCleanExitAsCrash) return cleanExit;
  const lines = crashLines(exitCode, oomKilled);
  if (rules.timeout !== 0 && sinceLastCrash !== undefined && sinceLastCrash < rules.timeout) {
    lines.push(`Aborting automatic restart, last crash occurred less than ${rules.timeout} seconds ago.`);
    return { crashed: true, lines, restartAfterMs: undefined, handled: false };
  }
  return { crashed: true, lines, restartAfterMs: 0, handled: true };
}

function byRestartPolicy(
  { exitCode, oomKilled, earlierCrashes, uptime }: CrashInput,
  policy: NonNullable<ServerSpec['restartPolicy']>,
): CrashVerdict {
  const failed = exitCode !== 0 || oomKilled;
  if (!failed && policy !== 'Always') return cleanExit;
  const lines = failed ? crashLines(exitCode, oomKilled) : [];
  if (policy === 'Never') return { crashed: true, lines, restartAfterMs: undefined, handled: false };
  const step = uptime >= stableSeconds ? 0 : Math.min(earlierCrashes, 10);
  const restartAfterMs = Math.min(firstRestartDelayMs * 2 ** step, longestRestartDelayMs);
  return { crashed: failed, lines, restartAfterMs, handled: true };
}

const cleanExit: CrashVerdict = { crashed: false, lines: [], restartAfterMs: undefined, handled: false };

function crashLines(exitCode: number, oomKilled: boolean): string[] {
  return [
    '---------- Detected server process in a crashed state! ----------',
    `Exit code: ${exitCode}`,
    `Out of memory: ${oomKilled}`,
  ];
}
