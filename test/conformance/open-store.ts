// How the suite gets a store: the one thing an implementation's own test file provides.
import type { Clock } from '../../src/clock/clock.ts';
import type { HistoryLimits } from '../../src/store/history.ts';
import type { Store } from '../../src/store/store.ts';

export interface OpenOptions {
  clock: Clock;
  historyLimits?: HistoryLimits;
  watchBuffer?: number;
}

/** Opens an empty store. `close` also removes what it left behind. */
export type OpenStore = (options: OpenOptions) => Promise<{ store: Store; close(): Promise<void> }>;
