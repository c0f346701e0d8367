// One answer for all who ask within a short time, so that many requests are one question. Who asks first after that waits
// for a new answer, and so do those who come meanwhile. A failure is told to them, and kept for nobody.
import type { Clock } from '../../clock/clock.ts';

/** @param maxAgeMs from when it was asked for */
export function recent<T>(
  ask: () => Promise<T>,
  { clock, maxAgeMs }: { clock: Clock; maxAgeMs: number },
): () => Promise<T> {
  let last: { askedAt: number; answer: Promise<T>; arrived: boolean } | undefined;
  return () => {
    const now = clock.monotonic();
    if (last && (!last.arrived || now - last.askedAt < maxAgeMs)) return last.answer;
    const asked = { askedAt: now, answer: ask(), arrived: false };
    last = asked;
    asked.answer.then(
      () => {
        asked.arrived = true;
      },
      () => {
        if (last === asked) last = undefined;
      },
    );
    return asked.answer;
  };
}
