// The backups and restores of one server that are not at their end, as far as consoles have to know: which of them is
// the server's state, and how far each is for who comes late. It lives on what is published alone, so it is bounded: of
// more than it can hold, the one that was silent longest goes.
import type { OperationProgress } from '../bus/bus.ts';

/** A server has one at work and a queue behind it. */
const mostOperations = 64;

interface Operation {
  latest: OperationProgress;
  /** Its place among those that began; undefined while it is queued. */
  place: number | undefined;
}

export class Operations {
  /** By uid, the one that was silent longest first. */
  readonly #live = new Map<string, Operation>();
  #begun = 0;

  /** What the server is busy with: a restore before a backup, the oldest of each; what is queued does not show. */
  get shown(): OperationProgress | undefined {
    return (this.#oldest('restore') ?? this.#oldest('create'))?.latest;
  }

  /** How far each one is: those at work first, in the order in which they began. */
  get latest(): OperationProgress[] {
    const place = (operation: Operation) => operation.place ?? Number.MAX_SAFE_INTEGER;
    const inOrder = [...this.#live.values()].sort((one, other) => place(one) - place(other));
    return inOrder.map(({ latest }) => latest);
  }

  /** An operation begins with its first progress that is not `queued`; one that ends in the queue never began. */
  advance(progress: OperationProgress): void {
    const { operation, phase, percentage } = progress;
    const isEnd = percentage < 0 || percentage === 100;
    let place = this.#live.get(operation)?.place;
    if (place === undefined && phase !== 'queued' && !isEnd) place = this.#begun++;
    this.#live.delete(operation);
    this.#live.set(operation, { latest: progress, place });
    if (this.#live.size <= mostOperations) return;
    const [silent = operation] = this.#live.keys();
    this.#live.delete(silent);
  }

  end(operation: string): void {
    this.#live.delete(operation);
  }

  #oldest(type: OperationProgress['type']): Operation | undefined {
    let oldest: Operation | undefined;
    for (const operation of this.#live.values()) {
      if (operation.place === undefined || operation.latest.type !== type) continue;
      if (oldest?.place === undefined || operation.place < oldest.place) oldest = operation;
    }
    return oldest;
  }
}
