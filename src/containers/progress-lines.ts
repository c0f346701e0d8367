// Progress of a pull as lines for people: few enough to read, and the last word on each layer always among them.
import type { Clock } from '../clock/clock.ts';
import type { PullProgress } from '../docker/engine.ts';

/** Three in a second; a last line at the end makes it four. */
const quietMs = 334;

/** More layers than an image can have (127); a registry that names more is not told about. */
const maxLayers = 256;

/** One line for each layer at a time; of what comes in between only the newest is kept. */
export class ProgressLines {
  readonly #clock: Clock;
  readonly #show: (line: string) => void;
  readonly #layers = new Map<string, { newest?: string; cancel: () => void }>();

  constructor(clock: Clock, show: (line: string) => void) {
    this.#clock = clock;
    this.#show = show;
  }

  /** The text is that of Wings: status and progress with one space between, also when there is no progress. */
  push({ layer, status, progress }: PullProgress): void {
    const line = `${status} ${progress}`;
    if (layer === undefined) {
      this.#show(line);
      return;
    }
    const present = this.#layers.get(layer);
    if (present) present.newest = line;
    else if (this.#layers.size < maxLayers) this.#open(layer, line);
  }

  /** Shows what was held back. */
  flush(): void {
    for (const { newest, cancel } of this.#layers.values()) {
      cancel();
      if (newest !== undefined) this.#show(newest);
    }
    this.#layers.clear();
  }

  #open(layer: string, line: string): void {
    this.#show(line);
    const cancel = this.#clock.after(quietMs, () => {
      const newest = this.#layers.get(layer)?.newest;
      this.#layers.delete(layer);
      if (newest !== undefined) this.#open(layer, newest);
    });
    this.#layers.set(layer, { cancel });
  }
}
