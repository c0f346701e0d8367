// Writes lines to a response at the reader's pace. A reader that takes nothing for a minute is cut off, so that it
// holds at most one socket buffer and its place in the store's watch buffer.
import type { ServerResponse } from 'node:http';
import type { Clock } from '../../../clock/clock.ts';

/** ms without progress. */
const stallMs = 60_000;

/**
 * Resolves when the line is on its way and there is room for another. A response that is closed, or that stalls for
 * `limitMs`, is destroyed and counts as written: the watch learns it from its signal.
 */
export async function writeLine(
  response: ServerResponse,
  line: string,
  clock: Clock,
  limitMs = stallMs,
): Promise<void> {
  if (response.destroyed || response.writableEnded || response.write(line)) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      cancel();
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    const cancel = clock.after(limitMs, () => response.destroy());
    response.on('drain', done);
    response.on('close', done);
  });
}
