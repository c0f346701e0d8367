// One object, or a kind, followed over restarts of the node and lost connections: a list, then its changes, then again.
// Level, not edge: what happened in between is not told, what is so afterwards is.
import { setTimeout as sleep } from 'node:timers/promises';
import type { KindDefinition } from '../resources/kinds.ts';
import type { StoredObject } from '../resources/object.ts';
import { CliError, exitCodes } from './exit-codes.ts';
import { ApiError, type KubeClient } from './kube-client.ts';

export interface FollowOptions {
  signal: AbortSignal;
  /** The node does not answer; told once for each outage, with the reason. */
  onLost?(error: CliError): void;
}

const firstPauseMs = 250;
const longestPauseMs = 5_000;

/** The object now and after each change; `undefined` when there is none (any more). Ends with the signal. */
export async function* followObject<T extends StoredObject>(
  client: KubeClient,
  kind: KindDefinition,
  name: string,
  { signal, onLost }: FollowOptions,
): AsyncGenerator<T | undefined> {
  const fields = `metadata.name=${name}`;
  const outage = new Outage(signal, onLost);
  while (!signal.aborted) {
    try {
      const list = await client.list<T>(kind, { fields });
      outage.over();
      yield list.items[0];
      for await (const { type, object } of client.watch<T>(kind, list.metadata.resourceVersion, { fields, signal })) {
        if (type !== 'BOOKMARK') yield type === 'DELETED' ? undefined : object;
      }
      await outage.pause(); // a node that ends every watch at once must not be asked without end
    } catch (error) {
      await outage.survive(error);
    }
  }
}

/** Decides whether to try again after an error, and waits before. */
export class Outage {
  readonly #signal: AbortSignal;
  readonly #onLost: ((error: CliError) => void) | undefined;
  #pauseMs = firstPauseMs;
  #told = false;

  constructor(signal: AbortSignal, onLost: ((error: CliError) => void) | undefined) {
    this.#signal = signal;
    this.#onLost = onLost;
  }

  over(): void {
    this.#pauseMs = firstPauseMs;
    this.#told = false;
  }

  /** @throws the error, when trying again would not help */
  async survive(error: unknown): Promise<void> {
    if (this.#signal.aborted) return;
    const expired = error instanceof ApiError && error.status === 410;
    if (!expired && !(error instanceof CliError && isPassing(error))) throw error;
    if (!expired && !this.#told) this.#onLost?.(error as CliError);
    this.#told ||= !expired;
    await this.pause();
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs);
  }

  /** Aborting ends it; the caller looks at the signal. */
  async pause(): Promise<void> {
    await sleep(this.#pauseMs, undefined, { signal: this.#signal }).catch(() => {});
  }
}

function isPassing(error: CliError): boolean {
  if (error.exitCode === exitCodes.unreachable) return true;
  return error instanceof ApiError && (error.status === 429 || error.status >= 500);
}
