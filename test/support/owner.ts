// Who ends what a test made: the test itself, or the whole file when its tests share it.
import { after } from 'node:test';

/** A TestContext is one. */
export interface Owner {
  after(end: () => unknown): unknown;
}

/** Call outside of any test and hook. The newest is ended first. */
export function fileOwner(): Owner {
  return newestFirst({ after });
}

/** Of a test that ends what it made in the order in which it was made. */
export function newestFirst(owner: Owner): Owner {
  const ends: (() => unknown)[] = [];
  owner.after(async () => {
    for (const end of ends.reverse()) await end();
  });
  return { after: (end) => ends.push(end) };
}
