// The console of every server for whoever watches: takes what happens from the bus, keeps one feed a server, and joins
// the past to the present without a gap or an overlap. It holds nothing that a slow watcher could make grow: a watcher
// takes each frame at once and queues it, or not, on its own account.
import type { Bus, Usage } from '../bus/bus.ts';
import type { Clock } from '../clock/clock.ts';
import type { ProcessState } from '../resources/server.ts';
import type { FeatureRules } from './feature-matcher.ts';
import type { Encode, Frame } from './frame.ts';
import type { ConsoleHistory } from './history.ts';
import { LineThrottle, type ThrottleLimits } from './line-throttle.ts';
import type { ForkOptions } from './operation-frames.ts';
import { ServerFeed, type Watcher } from './server-feed.ts';

export interface RecordedServer {
  state?: ProcessState | undefined;
  diskBytes?: number | undefined;
  /** What has the server to itself. */
  claim?: { kind: string } | undefined;
}

export interface ConsoleHubOptions {
  bus: Bus;
  history: Pick<ConsoleHistory, 'tail' | 'whole'>;
  clock: Clock;
  throttle: ThrottleLimits;
  fork: ForkOptions;
  /** Whether those who watch are told what users do. */
  activityEvents: boolean;
  /** Lines of the past for who asks. */
  pastLines: number;
  /** Name in the daemon's own lines. */
  appName: string;
  encode: Encode;
  /** What is recorded of a server; undefined for one that is not of this node. */
  recorded(uuid: string): RecordedServer | undefined;
  /** What the egg of a server wants to be found in its console; the same object as long as nothing changes. */
  features(uuid: string): FeatureRules | undefined;
}

/** How long who asks for the past waits for a process that is being taken over, ms. */
const pastPatienceMs = 5_000;

/** One watcher of one server. */
export interface Watch {
  readonly state: ProcessState;
  /** An installation has the server. */
  readonly installing: boolean;
  status(): Frame;
  stats(): Frame;
  /** What the server is busy with beside its process, and how far each backup and restore is. */
  operations(): Frame[];
  /** Shows the last lines of the running process, to this watcher alone; nothing when none runs. */
  showPast(): Promise<void>;
  end(): void;
}

export class ConsoleHub {
  readonly #options: ConsoleHubOptions;
  readonly #feeds = new Map<string, ServerFeed>();
  readonly #unsubscribe: (() => void)[];

  constructor(options: ConsoleHubOptions) {
    this.#options = options;
    const { bus, activityEvents } = options;
    this.#unsubscribe = [
      bus.subscribe(undefined, 'state', ({ state }, uuid) => this.#known(uuid)?.changeState(state)),
      bus.subscribe(undefined, 'usage', (usage, uuid) => this.#known(uuid)?.measure(usage)),
      bus.subscribe(undefined, 'pull', ({ text }, uuid) => this.#known(uuid)?.showPull(text)),
      bus.subscribe(undefined, 'progress', (progress, uuid) => this.#known(uuid)?.advance(progress)),
      bus.subscribe(undefined, 'restoring', ({ path }, uuid) => this.#known(uuid)?.showRestoring(path)),
      bus.subscribe(undefined, 'completion', (completion, uuid) => this.#known(uuid)?.complete(completion)),
      bus.subscribe(undefined, 'activity', (activity, uuid) => {
        if (activityEvents) this.#known(uuid)?.showActivity(activity);
      }),
      bus.subscribe(undefined, 'install', (message, uuid) => this.#known(uuid)?.showInstall(message)),
      bus.subscribe(undefined, 'console', ({ source, text }, uuid) => {
        const feed = this.#known(uuid);
        if (source === 'output') feed?.print(text);
        else feed?.say(text);
      }),
    ];
  }

  state(uuid: string): ProcessState {
    return this.#known(uuid)?.state ?? 'offline';
  }

  usage(uuid: string): Usage | undefined {
    return this.#known(uuid)?.usage;
  }

  /** From now on `watcher` gets every frame of the server. */
  watch(uuid: string, watcher: Watcher): Watch {
    const feed = this.#feed(uuid);
    const { recorded } = this.#options;
    // Lines that come while the past is not whole are part of it.
    let askedForPast = 0;
    const leave = feed.join((frame) => {
      if (askedForPast === 0 || !frame.printed) watcher(frame);
    });
    let ended = false;
    return {
      get state() {
        return feed.state;
      },
      get installing() {
        return recorded(uuid)?.claim?.kind === 'Installation';
      },
      status: () => feed.status(),
      stats: () => feed.stats(),
      operations: () => feed.operations(),
      showPast: async () => {
        if (feed.state === 'offline') return;
        const { history, pastLines } = this.#options;
        feed.flush();
        askedForPast += 1;
        await history.whole(uuid, pastPatienceMs);
        feed.flush();
        askedForPast -= 1;
        if (ended) return;
        // Nothing is awaited from here on: the next line is live, the last one is in the history.
        for (const frame of feed.past(history.tail(uuid, pastLines))) watcher(frame);
      },
      end: () => {
        ended = true;
        leave();
      },
    };
  }

  /** The server is gone; its watchers have left. */
  forget(uuid: string): void {
    this.#feeds.get(uuid)?.flush();
    this.#feeds.delete(uuid);
  }

  close(): void {
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (const uuid of [...this.#feeds.keys()]) this.forget(uuid);
  }

  /** Messages about a server that is not of this node, or not any more, make no feed. */
  #known(uuid: string): ServerFeed | undefined {
    return this.#feeds.get(uuid) ?? (this.#options.recorded(uuid) ? this.#feed(uuid) : undefined);
  }

  #feed(uuid: string): ServerFeed {
    const { throttle, clock, appName, encode, fork, recorded, features } = this.#options;
    let feed = this.#feeds.get(uuid);
    if (!feed) {
      feed = new ServerFeed({
        appName,
        clock,
        encode,
        fork,
        throttle: new LineThrottle(throttle, clock),
        state: recorded(uuid)?.state ?? 'offline',
        diskBytes: () => recorded(uuid)?.diskBytes ?? 0,
        features: () => features(uuid),
      });
      this.#feeds.set(uuid, feed);
    }
    return feed;
  }
}
