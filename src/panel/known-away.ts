// That the Panel is known to be away, for those who would wait for it: their patience ends early then, also when it becomes
// known while they wait.
import type { Clock } from '../clock/clock.ts';
import { isAway, PanelUnreachableError } from './panel-errors.ts';

/** `nobody`: no call gets through. `failing`: something answers, but not with a list. */
type Finding = 'answers' | 'failing' | 'nobody';

export interface Patience extends Disposable {
  /** Aborts when it is over; its reason is a PanelUnreachableError. */
  signal: AbortSignal;
  /** Whether another try is worth its pause. */
  mayRepeat: () => boolean;
}

export class KnownAway {
  readonly #clock: Clock;
  readonly #waiting = new Set<() => void>();
  #finding: Finding = 'answers';

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What the newest list came to; undefined = it came. */
  found(error: unknown): void {
    if (error === undefined) this.#finding = 'answers';
    else this.#finding = isAway(error) ? 'nobody' : 'failing';
    for (const look of this.#waiting) look();
  }

  /** Of somebody who waits for a Panel that is away no longer than `ms` from now. */
  patience(ms: number): Patience {
    const begin = this.#clock.monotonic();
    const abort = new AbortController();
    const isOver = () => this.#clock.monotonic() - begin >= ms;
    const look = () => {
      if (this.#finding === 'nobody' && isOver()) abort.abort(new PanelUnreachableError('the Panel is away'));
    };
    const cancel = this.#clock.after(ms, look);
    this.#waiting.add(look);
    look();
    return {
      signal: abort.signal,
      mayRepeat: () => this.#finding === 'answers' || !isOver(),
      [Symbol.dispose]: () => {
        cancel();
        this.#waiting.delete(look);
      },
    };
  }
}
