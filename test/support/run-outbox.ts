// An outbox and the informer that it reads, both at work until the test ends.
import type { TestContext } from 'node:test';
import type { StoredObject } from '../../src/resources/object.ts';
import type { Informer } from '../../src/runtime/informer.ts';
import type { Outbox } from '../../src/runtime/outbox.ts';
import type { FakeClock } from './fake-clock.ts';

export interface RunningParts<T extends StoredObject> {
  outbox: Outbox;
  source: Informer<T>;
  clock: FakeClock;
}

/** Resolves when it works. Answers how to stop it before the test ends, which may be done twice. */
export async function runOutbox<T extends StoredObject>(
  t: TestContext,
  { outbox, source, clock }: RunningParts<T>,
): Promise<() => Promise<void>> {
  source.start();
  await source.synced();
  outbox.controller.start();
  const stop = async () => {
    const stopped = outbox.controller.stop();
    await clock.advance(60_000);
    await stopped;
    await source.stop();
  };
  t.after(stop);
  return stop;
}
