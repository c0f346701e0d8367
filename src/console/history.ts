// The last lines that each server's process printed, for who comes late. Fed from the bus, so it is never ahead of the
// live lines nor behind them; bounded per server; begins anew with each process and is gone with the server. The daemon's
// own lines are not in it.
import type { Bus } from '../bus/bus.ts';
import { type Clock, sleep, systemClock } from '../clock/clock.ts';
import { LineRing } from './line-ring.ts';
import { linesBefore } from './lines-before.ts';

const maxBytesPerServer = 1024 * 1024;

/** A log can hold lines that are still on their way here, ms: where the two meet is looked at when they have come. */
const arrivalMs = 100;

interface Entry {
  ring: LineRing;
  /** It holds all that the present process printed, as far as its bounds go. */
  whole: boolean;
  /** The process ended: whatever comes next belongs to another one. */
  ended: boolean;
  becameWhole: PromiseWithResolvers<void>;
  cancelFill?: () => void;
}

export class ConsoleHistory {
  readonly #entries = new Map<string, Entry>();
  readonly #maxLines: number;
  readonly #clock: Clock;
  readonly #unsubscribe: (() => void)[];

  constructor({ bus, maxLines, clock = systemClock }: { bus: Bus; maxLines: number; clock?: Clock }) {
    this.#maxLines = maxLines;
    this.#clock = clock;
    this.#unsubscribe = [
      bus.subscribe(undefined, 'console', ({ source, text }, uuid) => {
        if (source === 'output') this.#present(uuid).ring.push(text);
      }),
      bus.subscribe(undefined, 'state', ({ state }, uuid) => {
        if (state === 'starting') this.#complete(this.#renew(uuid));
        else if (state === 'offline') this.#end(uuid);
      }),
    ];
  }

  /** What a process printed before this daemon watched it, its newest lines perhaps among those seen live. */
  fill(uuid: string, printed: readonly string[]): void {
    const entry = this.#present(uuid);
    entry.cancelFill?.();
    entry.cancelFill = this.#clock.after(arrivalMs, () => this.#join(uuid, entry, printed));
  }

  /** Up to `count` lines, oldest first. */
  tail(uuid: string, count: number): string[] {
    return this.#entries.get(uuid)?.ring.tail(count) ?? [];
  }

  /** Resolves when nothing is missing any more of what the present process printed, or after `ms`. */
  async whole(uuid: string, ms: number): Promise<void> {
    const entry = this.#present(uuid);
    if (entry.whole) return;
    const patience = new AbortController();
    const timeout = sleep(this.#clock, ms, patience.signal).catch(() => undefined);
    await Promise.race([entry.becameWhole.promise, timeout]);
    patience.abort();
  }

  forget(uuid: string): void {
    const entry = this.#entries.get(uuid);
    entry?.cancelFill?.();
    entry?.becameWhole.resolve();
    this.#entries.delete(uuid);
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const uuid of [...this.#entries.keys()]) this.forget(uuid);
  }

  #join(uuid: string, filled: Entry, printed: readonly string[]): void {
    const live = filled.ring.tail(this.#maxLines);
    const entry = this.#renew(uuid);
    for (const line of [...linesBefore(printed, live), ...live]) entry.ring.push(line);
    this.#complete(entry);
  }

  #present(uuid: string): Entry {
    const entry = this.#entries.get(uuid);
    return entry && !entry.ended ? entry : this.#renew(uuid);
  }

  /** Who waits for the old one waits for the new one. */
  #renew(uuid: string): Entry {
    const old = this.#entries.get(uuid);
    old?.cancelFill?.();
    const entry: Entry = {
      ring: new LineRing({ maxLines: this.#maxLines, maxBytes: maxBytesPerServer }),
      whole: false,
      ended: false,
      becameWhole: old && !old.whole ? old.becameWhole : Promise.withResolvers(),
    };
    this.#entries.set(uuid, entry);
    return entry;
  }

  #complete(entry: Entry): void {
    entry.whole = true;
    entry.becameWhole.resolve();
  }

  #end(uuid: string): void {
    const entry = this.#entries.get(uuid);
    entry?.cancelFill?.();
    if (entry) entry.ended = true;
  }
}
