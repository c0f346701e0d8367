// What happens on a server at this moment, for whoever watches: states, console lines, usage. Nothing here is stored;
// what must survive is in the store before it is published. Delivery is synchronous and in order, so a subscriber must
// be quick: one that writes to a network keeps a bounded buffer of its own.
import type { ProcessState } from '../resources/server.ts';
import type { WirePhase } from '../resources/wire-phase.ts';

export interface StateChange {
  previous: ProcessState;
  state: ProcessState;
  /** Why, in one word of the server controller: Request, Crash, Boot, … */
  cause: string;
}

/** `output` came from the process; `daemon` is a line of ours that a console shows marked as such. */
export interface ConsoleLine {
  source: 'output' | 'daemon';
  text: string;
}

export interface Usage {
  /** Percent of one core. */
  cpuAbsolute: number;
  memoryBytes: number;
  memoryLimitBytes: number;
  networkRxBytes: number;
  networkTxBytes: number;
  blockReadBytes: number;
  blockWriteBytes: number;
  uptimeMs: number;
}

/** A backup or a restore, as those who watch a server see it. */
export interface OperationRef {
  /** uid of the Backup or Restore. */
  operation: string;
  type: 'create' | 'restore';
  /** uuid of the backup, as a Panel knows it. */
  backupId: string;
}

/** The first one of an operation that is not `queued` begins it, its completion ends it. */
export interface OperationProgress extends OperationRef {
  phase: WirePhase;
  /** 0 to 100, never falls; 100 or -1 in the last one. */
  percentage: number;
  bytesWritten: number;
  /** 0 = not known. */
  bytesTotal: number;
}

/** Once for each operation that was accepted, after its last progress. */
export interface OperationCompletion extends OperationRef {
  successful: boolean;
  /** A sentence, when not successful. */
  error: string | null;
  adapter: 'wings' | 's3';
  /** Of the archive that was made; empty and 0 otherwise. */
  checksum: string;
  size: number;
}

/** What somebody did on the server. Without the address, which only a Panel may show. */
export interface ActivityMessage {
  event: string;
  /** uuid; null = nobody. */
  user: string | null;
  metadata: Readonly<Record<string, unknown>>;
  /** RFC 3339. */
  timestamp: string;
}

/**
 * An installation, step by step: `started` unless there is nothing to run, `running` when the script begins, what it
 * prints, and `completed` once, however it ended.
 */
export type InstallMessage =
  | { step: 'started' | 'running' }
  | { step: 'output'; text: string }
  | { step: 'completed'; successful: boolean };

export interface Topics {
  state: StateChange;
  console: ConsoleLine;
  usage: Usage;
  /** One layer of an image on its way, as text. */
  pull: { text: string };
  progress: OperationProgress;
  /** The file that a restore writes now; at most four a second. */
  restoring: { path: string };
  completion: OperationCompletion;
  install: InstallMessage;
  activity: ActivityMessage;
}

export type Topic = keyof Topics;
type Handler<T extends Topic> = (message: Topics[T], serverUuid: string) => void;

const allServers = '*';

export class Bus {
  readonly #handlers = new Map<string, Set<Handler<Topic>>>();
  readonly #onError: (error: unknown) => void;

  /** `onError` hears of a subscriber that threw; the others are served all the same. */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  publish<T extends Topic>(serverUuid: string, topic: T, message: Topics[T]): void {
    for (const scope of [serverUuid, allServers]) {
      for (const handler of this.#handlers.get(`${scope} ${topic}`) ?? []) {
        try {
          handler(message, serverUuid);
        } catch (error) {
          this.#onError(error);
        }
      }
    }
  }

  /** `serverUuid` undefined: every server's messages. The returned function ends the subscription. */
  subscribe<T extends Topic>(serverUuid: string | undefined, topic: T, handler: Handler<T>): () => void {
    const key = `${serverUuid ?? allServers} ${topic}`;
    const handlers = this.#handlers.get(key) ?? new Set();
    this.#handlers.set(key, handlers);
    handlers.add(handler as Handler<Topic>);
    return () => {
      handlers.delete(handler as Handler<Topic>);
      if (handlers.size === 0) this.#handlers.delete(key);
    };
  }
}
