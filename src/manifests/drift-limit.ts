// How soon what somebody else changed is put back again: at once the first time, then less and less often while the two
// keep at it, so that writers who fight do not wear out the node.
import type { Clock } from '../clock/clock.ts';
import { type BackoffLimits, backoffMs } from '../runtime/backoff.ts';
import { BoundedMap } from '../runtime/bounded-map.ts';

const fightBackoff: BackoffLimits = { baseMs: 1_000, maxMs: 300_000 };

/** After so long without a change, the next one is the first again. */
const peaceMs = 600_000;

const maxObjects = 4_096;

interface Fight {
  times: number;
  at: number;
  notBefore: number;
}

export class DriftLimit {
  readonly #clock: Clock;
  readonly #fights = new BoundedMap<string, Fight>(maxObjects);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** ms until the object may be put back; 0 = now. */
  delay(object: string): number {
    const fight = this.#fights.get(object);
    return fight ? Math.max(0, fight.notBefore - this.#clock.monotonic()) : 0;
  }

  putBack(object: string): void {
    const now = this.#clock.monotonic();
    const last = this.#fights.get(object);
    const times = last && now - last.at < peaceMs ? last.times + 1 : 1;
    this.#fights.set(object, { times, at: now, notBefore: now + backoffMs(times, fightBackoff, () => 1) });
  }
}
