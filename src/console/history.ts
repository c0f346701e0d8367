// The last console lines of each server, for who comes late. Fed from the bus, bounded per server, gone with the server.
import type { Bus } from '../bus/bus.ts';
import { LineRing } from './line-ring.ts';

const maxBytesPerServer = 1024 * 1024;

export class ConsoleHistory {
  readonly #rings = new Map<string, LineRing>();
  readonly #maxLines: number;
  readonly #unsubscribe: () => void;

  constructor({ bus, maxLines }: { bus: Bus; maxLines: number }) {
    this.#maxLines = maxLines;
    this.#unsubscribe = bus.subscribe(undefined, 'console', ({ text }, uuid) => this.#ring(uuid).push(text));
  }

  /** What a process printed before this daemon watched it. Ignored when lines are here already: they are newer. */
  fill(uuid: string, lines: readonly string[]): void {
    if (this.tail(uuid, 1).length > 0) return;
    const ring = this.#ring(uuid);
    for (const line of lines) ring.push(line);
  }

  /** Up to `count` lines, oldest first. */
  tail(uuid: string, count: number): string[] {
    return this.#rings.get(uuid)?.tail(count) ?? [];
  }

  forget(uuid: string): void {
    this.#rings.delete(uuid);
  }

  close(): void {
    this.#unsubscribe();
    this.#rings.clear();
  }

  #ring(uuid: string): LineRing {
    let ring = this.#rings.get(uuid);
    if (!ring) {
      ring = new LineRing({ maxLines: this.#maxLines, maxBytes: maxBytesPerServer });
      this.#rings.set(uuid, ring);
    }
    return ring;
  }
}
