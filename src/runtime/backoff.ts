// How long to wait before trying again. Pure, so that queue, informer and recorder agree and a test can compute it.

export interface BackoffLimits {
  /** Delay before the first retry, ms. */
  baseMs: number;
  /** No delay is longer, ms. */
  maxMs: number;
}

/** How often the delay doubles before it reaches its maximum: a failure beyond this step waits no longer than the last. */
export function lastBackoffStep({ baseMs, maxMs }: BackoffLimits): number {
  return Math.max(0, Math.ceil(Math.log2(maxMs / baseMs)));
}

/**
 * Delay in ms after so many failures in a row (1 = the first). It doubles each time; jitter takes off up to half, so
 * that many keys which failed together do not come back together.
 */
export function backoffMs(failures: number, limits: BackoffLimits, random: () => number): number {
  const step = Math.min(failures - 1, lastBackoffStep(limits));
  const full = Math.min(limits.baseMs * 2 ** step, limits.maxMs);
  return full * (0.5 + 0.5 * random());
}
