// Time comes in as a parameter everywhere, so that tests turn it and a jump of the wall clock is one case among others.

export interface Clock {
  /** Wall clock, ms since the epoch. For timestamps that people or other programs read; it may jump. */
  now(): number;
  /** Monotonic ms from an arbitrary start. For every duration and deadline inside this process. */
  monotonic(): number;
  /** Calls back once after `ms` on the monotonic clock; the returned function cancels it. Never keeps the process alive. */
  after(ms: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** RFC 3339 in UTC with whole seconds, the form of every timestamp in an object. */
export function timestamp(clock: Clock): string {
  return `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
}

/** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const cancel = clock.after(ms, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = () => {
      cancel();
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
