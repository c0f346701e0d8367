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
  /** Ends nobody asked for so far, with this one if it counts. */
  count: number;
}

const firstRestartDelayMs = 10_000;
export const longestRestartDelayMs = 300_000;

/** A process that was up this long starts its back-off anew: kubelet's figure. */
const stableSeconds = 600;

export function judgeCrash(input: CrashInput): CrashVerdict {
  return input.restartPolicy === undefined ? byCrashRules(input) : byRestartPolicy(input, input.restartPolicy);
}

function byCrashRules({ exitCode, oomKilled, rules, sinceLastCrash, earlierCrashes }: CrashInput): CrashVerdict {
  const count = earlierCrashes + 1;
  if (!rules.enabled) {
    const lines = ['Aborting automatic restart, crash detection is disabled for this instance.'];
    const crashed = exitCode !== 0 || oomKilled;
    return { crashed, lines, restartAfterMs: undefined, handled: false, count: crashed ? count : earlierCrashes };
  }
  if (exitCode === 0 && !oomKilled && !rules.detectCleanExitAsCrash) return cleanExit(earlierCrashes);
  const lines = crashLines(exitCode, oomKilled);
  if (rules.timeout !== 0 && sinceLastCrash !== undefined && sinceLastCrash < rules.timeout) {
    lines.push(`Aborting automatic restart, last crash occurred less than ${rules.timeout} seconds ago.`);
    return { crashed: true, lines, restartAfterMs: undefined, handled: false, count };
  }
  return { crashed: true, lines, restartAfterMs: 0, handled: true, count };
}

function byRestartPolicy(
  { exitCode, oomKilled, earlierCrashes, uptime }: CrashInput,
  policy: NonNullable<ServerSpec['restartPolicy']>,
): CrashVerdict {
  const failed = exitCode !== 0 || oomKilled;
  if (!failed && policy !== 'Always') return cleanExit(earlierCrashes);
  const lines = failed ? crashLines(exitCode, oomKilled) : [];
  const count = uptime >= stableSeconds ? 1 : earlierCrashes + 1;
  if (policy === 'Never') return { crashed: true, lines, restartAfterMs: undefined, handled: false, count };
  const step = Math.min(count - 1, 10);
  const restartAfterMs = Math.min(firstRestartDelayMs * 2 ** step, longestRestartDelayMs);
  return { crashed: failed, lines, restartAfterMs, handled: true, count };
}

function cleanExit(count: number): CrashVerdict {
  return { crashed: false, lines: [], restartAfterMs: undefined, handled: false, count };
}

function crashLines(exitCode: number, oomKilled: boolean): string[] {
  return [
    '---------- Detected server process in a crashed state! ----------',
    `Exit code: ${exitCode}`,
    `Out of memory: ${oomKilled}`,
  ];
}
