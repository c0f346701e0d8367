// One job at a time works on a staging directory. A daemon that is killed leaves its job behind for a moment, and the next
// daemon does the same work again: both moving files at once could lose some. What a job holds is a name in the kernel,
// which is free again when the process is gone, however it went.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { sleep } from '../../clock/clock.ts';
import type { Job } from '../job.ts';
import { ArchiveError } from '../runner.ts';

const retryMs = 50;

/** Far above what a job that was told to end needs for it. */
const patienceMs = 120_000;

/** Waits for whoever holds it. @throws ArchiveError FAILED, the signal's reason */
export async function holdStaging(
  staging: string,
  { signal, clock }: Pick<Job, 'signal' | 'clock'>,
): Promise<Disposable> {
  const name = `\0aileron-staging-${createHash('sha256').update(staging).digest('hex')}`;
  const deadline = clock.monotonic() + patienceMs;
  for (;;) {
    signal.throwIfAborted();
    const held = await taken(name);
    if (held) return held;
    if (clock.monotonic() >= deadline) {
      throw new ArchiveError('FAILED', 'an earlier job still works on the files of this restore');
    }
    await sleep(clock, retryMs, signal);
  }
}

async function taken(name: string): Promise<Disposable | undefined> {
  const holder = createServer((connection) => connection.destroy());
  // Alone it keeps no process alive.
  holder.unref();
  const listening = once(holder, 'listening');
  holder.listen({ path: name });
  try {
    await listening;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined;
    throw error;
  }
  return { [Symbol.dispose]: () => void holder.close() };
}
