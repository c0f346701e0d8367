// When a call to the Panel is tried again at once, because somebody waits for it. Pure but for the sleep: the pauses are
// those of Wings, and with them no call is tried for longer than 30 s.
import { type Clock, sleep } from '../clock/clock.ts';
import { PanelResponseError, PanelUnreachableError } from './panel-errors.ts';

const firstPauseMs = 500;
const factor = 1.5;
const longestPauseMs = 12_000;
const longestMs = 30_000;

/** Half of the pause less or more, so that many nodes which failed together do not come back together. */
const jitter = 0.5;

/** Whether another try at once can help: the connection failed, or the Panel had a fault of its own. */
export function isWorthRepeating(error: unknown): boolean {
  // One slow Panel answer is final for somebody who waits.
  if (error instanceof PanelUnreachableError) return !error.timedOut;
  return error instanceof PanelResponseError && (error.status < 400 || error.status >= 500);
}

/** Pause after so many failures (1 = the first), ms. `random` from 0 to 1. */
export function pauseMs(failures: number, random: number): number {
  const full = Math.min(firstPauseMs * factor ** (failures - 1), longestPauseMs);
  return full * (1 - jitter + 2 * jitter * random);
}

export interface RetryOptions {
  clock: Clock;
  random: () => number;
  /** Asked before each pause: false = whoever waits has no more patience. */
  mayRepeat?: () => boolean;
}

/** @throws what the last try threw, or the reason of the signal */
export async function repeatedly<T>(
  attempt: () => Promise<T>,
  { clock, random, mayRepeat = () => true }: RetryOptions,
  signal: AbortSignal,
): Promise<T> {
  const begin = clock.monotonic();
  for (let failures = 1; ; failures += 1) {
    try {
      return await attempt();
    } catch (error) {
      const pause = pauseMs(failures, random());
      const isOver = !mayRepeat() || clock.monotonic() - begin + pause > longestMs;
      if (signal.aborted || !isWorthRepeating(error) || isOver) throw error;
      await sleep(clock, pause, signal);
    }
  }
}
