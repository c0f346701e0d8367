// Who ends what a test made: the test itself, or the whole file when its tests share it.
import { after } from 'node:test';

/** A TestContext is one. */
export interface Owner {
  after(end: () => unknown): unknown;
}

/** Call outside of any test and hook. The newest is ended first. */
export function fileOwner(): Owner {
  const ends: (() => unknown)[] = [];
  after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return { after: (end) => ends.push(end) };
}
