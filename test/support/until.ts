// Waiting for the real world in tests that have no clock to turn.
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 100;

/** Resolves with the first result that is neither undefined nor false. `what` is told when the time is over. */
export async function until<T>(what: string, ms: number, look: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`Waited ${ms} ms in vain: ${what}`);
    await sleep(pollMs);
  }
}
