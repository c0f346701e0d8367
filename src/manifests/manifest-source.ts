// The manifest directory as truth: decides when to look at it. A change of a file or of an object that came from one is
// followed in a moment; what nobody told of, at the next of the slow looks. Looks go one at a time, and each depends on
// nothing but what the directory and the store hold by then.

import { isDeepStrictEqual } from 'node:util';
import type { Registry } from 'prom-client';
import type { Clock } from '../clock/clock.ts';
import type { Admission } from '../resources/admission.ts';
import type { EventRecorder } from '../resources/event.ts';
import { serverKind } from '../resources/kinds.ts';
import type { StoredObject } from '../resources/object.ts';
import { ownerOf } from '../resources/ownership.ts';
import type { Server } from '../resources/server.ts';
import { type BackoffLimits, backoffMs } from '../runtime/backoff.ts';
import type { Change } from '../runtime/informer.ts';
import { StoreClosedError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ObjectCache } from './caches.ts';
import { DirectoryWatcher } from './directory-watcher.ts';
import { ManifestApply } from './manifest-apply.ts';
import { type ManifestFailure, sentenceOf } from './manifest-error.ts';
import { createManifestMetrics, type ManifestMetrics } from './manifest-metrics.ts';
import { type DirectoryScan, ManifestReader, settleMs } from './manifest-reader.ts';
import { ParseProcess } from './parse-process.ts';
import { ownedFields } from './stated-fields.ts';

export interface ManifestSourceOptions {
  directory: string;
  nodeName: string;
  store: Store;
  admission: Pick<Admission, 'create' | 'patch' | 'delete'>;
  /** Of servers and of whatever else comes and goes with its manifest. */
  caches: readonly ObjectCache[];
  events: EventRecorder;
  clock: Clock;
  log: Logger;
  registry?: Registry;
  /** What a test may put in place of the real directory. */
  reader?: Pick<ManifestReader, 'scan'>;
  watcher?: { start(): void; reopen(): void; stop(): Promise<void> };
}

/** Between looks that nobody asked for. */
const rescanMs = 30_000;

/** While there is no directory that can be read: a watcher waits for it, but may lose one that comes and goes quickly. */
const absentRescanMs = 2_000;

/** A start waits for the first look that saw everything, but not for a text that takes long to read. */
const firstLookMs = 5_000;

const maxSummaryLength = 300;

const failedScanBackoff: BackoffLimits = { baseMs: 1_000, maxMs: 30_000 };

export function createManifestSource(options: ManifestSourceOptions): ManifestSource {
  return new ManifestSource(options);
}

export class ManifestSource {
  readonly #options: ManifestSourceOptions;
  readonly #log: Logger;
  readonly #parser: ParseProcess;
  readonly #reader: Pick<ManifestReader, 'scan'>;
  readonly #watcher: NonNullable<ManifestSourceOptions['watcher']>;
  readonly #apply: ManifestApply;
  readonly #metrics: ManifestMetrics | undefined;
  readonly #stop = new AbortController();
  #forget = () => {};
  #followed: string | undefined;
  #failures = 0;
  /** The next look: when, monotonic ms, and how to call it off. */
  #next: { at: number; cancel: () => void } | undefined;
  #looking: Promise<void> | undefined;
  readonly #firstLook = Promise.withResolvers<void>();

  constructor(options: ManifestSourceOptions) {
    const { directory, clock, log, registry } = options;
    this.#options = options;
    this.#log = log.child({ directory });
    this.#parser = new ParseProcess(clock);
    this.#reader = options.reader ?? new ManifestReader({ directory, clock, parser: this.#parser });
    this.#watcher =
      options.watcher ?? new DirectoryWatcher({ directory, clock, log, onChange: () => this.#lookIn(settleMs) });
    this.#apply = new ManifestApply({ ...options, log: this.#log });
    this.#metrics = registry && createManifestMetrics(registry);
  }

  /** What is wrong with the manifests now. */
  problems(): readonly ManifestFailure[] {
    return this.#apply.problems;
  }

  /** The same in a sentence; undefined when all is in order. */
  summary(): string | undefined {
    const problems = this.problems();
    const [first] = problems;
    if (!first) return undefined;
    const sentence = sentenceOf(first).slice(0, maxSummaryLength);
    return problems.length === 1 ? sentence : `${problems.length} problems, the first: ${sentence}`;
  }

  /** Resolves after the first look at everything, or when that takes long. The informers must have been started. */
  async start(): Promise<void> {
    const { caches, clock } = this.#options;
    await Promise.all(caches.map((cache) => cache.synced()));
    const ends = caches.map((cache) => cache.onChange((change) => this.#onObject(change)));
    this.#forget = () => {
      for (const end of ends) end();
    };
    this.#watcher.start();
    this.#lookNow();
    const cancel = clock.after(firstLookMs, () => this.#firstLook.resolve());
    await this.#firstLook.promise;
    cancel();
  }

  /** Ends what is under way; nothing is written after this has resolved. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('the manifests are followed no more'));
    this.#forget();
    this.#next?.cancel();
    this.#firstLook.resolve();
    await this.#watcher.stop();
    await this.#parser.close();
    await this.#looking;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #onObject({ type, object, old }: Change<StoredObject>): void {
    const isOurs = [object, old].some((state) => ownerOf(state)?.kind === 'Manifest');
    if (type === 'DELETED') {
      if (isOurs && object.kind === serverKind.kind) this.#apply.gone(object as Server);
      // It may also have held a port that a manifest asks for, or the last place for a backup.
      this.#lookIn(settleMs);
    } else if (isOurs && old && !isDeepStrictEqual(statable(object), statable(old))) this.#lookIn(settleMs);
  }

  /** The earliest wish counts. */
  #lookIn(ms: number): void {
    if (this.#stop.signal.aborted) return;
    const { clock } = this.#options;
    const at = clock.monotonic() + ms;
    if (this.#next && this.#next.at <= at) return;
    this.#next?.cancel();
    this.#next = { at, cancel: clock.after(ms, () => this.#lookNow()) };
  }

  #lookNow(): void {
    this.#next?.cancel();
    this.#next = undefined;
    // One at a time: what asked meanwhile gets another one after this.
    this.#looking = (this.#looking ?? Promise.resolve()).then(() => this.#look());
  }

  /** Never rejects. */
  async #look(): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    try {
      const scan = await this.#reader.scan();
      if (signal.aborted) return;
      this.#follow(scan);
      const { documents, retryInMs } = await this.#apply.apply(scan, signal);
      if (signal.aborted) return;
      this.#failures = 0;
      this.#metrics?.documents(documents);
      if (documents.applied > 0) this.#log.info(documents, 'manifests were applied');
      if (scan.complete || scan.failure) this.#firstLook.resolve();
      else this.#lookIn(settleMs);
      const againInMs = scan.identity === undefined ? absentRescanMs : rescanMs;
      this.#lookIn(Math.min(retryInMs ?? againInMs, againInMs));
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof StoreClosedError) {
        this.#firstLook.resolve();
        this.#log.warn({ err: error }, 'the manifests are followed no more, as the store is closed');
        return;
      }
      this.#firstLook.resolve();
      this.#failures += 1;
      const retryInMs = Math.round(backoffMs(this.#failures, failedScanBackoff, Math.random));
      this.#log.error({ err: error, retryInMs }, 'the manifests could not be followed');
      this.#lookIn(retryInMs);
    }
  }

  /** The watcher holds on to a directory that was moved away or deleted, and may have lost one that came back. */
  #follow({ identity }: DirectoryScan): void {
    if (identity !== undefined && this.#followed !== undefined && identity !== this.#followed) this.#watcher.reopen();
    this.#followed = identity ?? 'none';
  }
}

/** What a manifest can state of an object. */
function statable(object: StoredObject): unknown {
  const { labels, annotations, deletionTimestamp } = object.metadata;
  return [ownedFields(object.kind, object)['spec'], labels, annotations, deletionTimestamp];
}
