// Pages of a list that belong together: the snapshot of the first page is kept for the ones that follow. Few and
// short-lived; when it is gone the client is told to start over, as Kubernetes does.
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../clock/clock.ts';
import type { StoredObject } from '../../resources/object.ts';
import { badRequest, expired, StatusError } from './status.ts';

export interface Page {
  items: readonly StoredObject[];
  resourceVersion: string;
  continue?: string;
  remaining?: number;
}

interface Snapshot {
  items: readonly StoredObject[];
  resourceVersion: string;
  /** What it was asked for; a token is good for the same question only. */
  question: string;
  expiresAt: number;
}

const lifeMs = 5 * 60_000;
const maxSnapshots = 16;

export class Snapshots {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Snapshot>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param limit 0 = everything */
  firstPage(items: readonly StoredObject[], resourceVersion: string, limit: number, question: string): Page {
    if (limit === 0 || items.length <= limit) return { items, resourceVersion };
    this.#forgetOld();
    const id = randomUUID();
    this.#kept.set(id, { items, resourceVersion, question, expiresAt: this.#clock.monotonic() + lifeMs });
    if (this.#kept.size > maxSnapshots) this.#kept.delete(this.#kept.keys().next().value!);
    return this.#page(id, items, resourceVersion, 0, limit);
  }

  /** @throws StatusError 400 for a token that is none, 410 for one whose snapshot is gone */
  nextPage(token: string, limit: number, question: string): Page {
    this.#forgetOld();
    const match = /^([0-9a-f-]{36})\.(\d{1,9})$/.exec(Buffer.from(token, 'base64url').toString('latin1'));
    if (!match) throw new StatusError(badRequest('continue key is not valid'));
    const snapshot = this.#kept.get(match[1]!);
    if (!snapshot) {
      throw new StatusError(
        expired(
          'The provided continue parameter is too old to display a consistent list result. Start a new list without it.',
        ),
      );
    }
    if (snapshot.question !== question) throw new StatusError(badRequest('continue key belongs to another list'));
    return this.#page(match[1]!, snapshot.items, snapshot.resourceVersion, Number(match[2]), limit);
  }

  #page(id: string, all: readonly StoredObject[], resourceVersion: string, from: number, limit: number): Page {
    const to = limit === 0 ? all.length : from + limit;
    const items = all.slice(from, to);
    if (to >= all.length) return { items, resourceVersion };
    const token = Buffer.from(`${id}.${to}`, 'latin1').toString('base64url');
    return { items, resourceVersion, continue: token, remaining: all.length - to };
  }

  #forgetOld(): void {
    const now = this.#clock.monotonic();
    for (const [id, { expiresAt }] of this.#kept) if (expiresAt <= now) this.#kept.delete(id);
  }
}
