// A manifest directory over a store in memory: tests write files, take looks at them and see what became of the store.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { parseManifest } from '../../src/manifests/documents.ts';
import { ManifestApply, type ManifestApplyOptions } from '../../src/manifests/manifest-apply.ts';
import type { ManifestFailure } from '../../src/manifests/manifest-error.ts';
import { ManifestReader } from '../../src/manifests/manifest-reader.ts';
import { Admission, type WriteContext } from '../../src/resources/admission.ts';
import type { EventRecorder } from '../../src/resources/event.ts';
import type { Server } from '../../src/resources/server.ts';
import { Informer } from '../../src/runtime/informer.ts';
import { writeContext } from './an-admission.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { MemoryStore } from './memory-store.ts';
import { recordedLog } from './recorded-log.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export interface ToldEvent {
  about: string;
  type: string;
  reason: string;
  message: string;
}

/** What one look did, as numbers, and what is wrong after it. */
export interface Look {
  applied: number;
  unchanged: number;
  waiting: number;
  skipped: number;
  failed: ManifestFailure[];
}

/** A look that did nothing. */
export const nothing: Look = { applied: 0, unchanged: 0, waiting: 0, skipped: 0, failed: [] };

export class ManifestBench {
  readonly directory: string;
  readonly clock = new FakeClock();
  readonly store = new MemoryStore({ clock: this.clock });
  readonly admission = new Admission({ store: this.store, nodeName: 'node-1', clock: this.clock });
  readonly log = recordedLog();
  readonly events: ToldEvent[] = [];
  readonly servers: Informer<Server>;
  readonly caches: Informer[];
  /** After how many ms the last look wanted another one. */
  retryInMs: number | undefined;
  #reader: ManifestReader;
  #apply: ManifestApply;

  constructor(context: TestContext, files: Record<string, string> = {}) {
    const { clock, store } = this;
    this.directory = temporaryDirectory(context);
    this.write(files);
    this.servers = new Informer<Server>({ store, kind: 'Server', clock, log: recordedLog() });
    this.servers.onChange(({ type, object }) => type === 'DELETED' && this.#apply.gone(object));
    const others = ['Backup', 'Schedule'].map((kind) => new Informer({ store, kind, clock, log: recordedLog() }));
    this.caches = [this.servers as Informer, ...others];
    for (const cache of this.caches) {
      cache.start();
      context.after(() => cache.stop());
    }
    this.#reader = this.#newReader(this.directory);
    this.#apply = new ManifestApply(this.#options());
  }

  write(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.directory, name), text);
  }

  remove(name: string): void {
    rmSync(join(this.directory, name));
  }

  /** Without what is remembered in the process, and with other parts where a test wants them. */
  restart(parts: Partial<ManifestApplyOptions> = {}): void {
    this.#reader = this.#newReader(parts.directory ?? this.directory);
    this.#apply = new ManifestApply({ ...this.#options(), ...parts });
  }

  async look(): Promise<Look> {
    await settle();
    const { documents, retryInMs } = await this.#apply.apply(await this.#reader.scan(), new AbortController().signal);
    this.retryInMs = retryInMs;
    await settle();
    const { failed: _, ...others } = documents;
    return { ...others, failed: [...this.#apply.problems] };
  }

  async server(name = 'demo'): Promise<Server> {
    const server = await this.store.get<Server>('Server', name);
    assert.ok(server, `there is no server ${name}`);
    return server;
  }

  async names(): Promise<string[]> {
    return (await this.store.list('Server')).items.map(({ metadata }) => metadata.name);
  }

  /** As somebody else. */
  patch(patch: Record<string, unknown>, by: WriteContext = writeContext()): Promise<unknown> {
    return this.admission.patch('Server', 'demo', patch, by);
  }

  /** Deleted, and no finalizer holds it. */
  async removeServer(name = 'demo'): Promise<void> {
    await this.admission.delete('Server', name, {}, writeContext());
    await this.store.patch('Server', name, { metadata: { finalizers: null } });
  }

  #newReader(directory: string): ManifestReader {
    const parse = async (text: string) => ({ documents: parseManifest(text), gaveUp: false });
    return new ManifestReader({ directory, clock: this.clock, parser: { parse, rest: async () => {} } });
  }

  #options(): ManifestApplyOptions {
    const { directory, store, admission, caches, clock, log } = this;
    const event: EventRecorder['event'] = ({ kind, name }, type, reason, message) => {
      this.events.push({ about: `${kind}/${name}`, type, reason, message });
    };
    return { directory, nodeName: 'node-1', store, admission, caches, events: { event }, clock, log };
  }
}

/** A manifest of a server; `spec` and `metadata` are lines below those keys. */
export function manifest({ name = 'demo', spec = '', metadata = '', image = '~test/game:1' } = {}): string {
  const below = (lines: string, indent: string) => lines.replace(/^(?=.)/gm, indent);
  return `apiVersion: aileron.dev/v1
kind: Server
metadata:
  name: ${name}
${below(metadata, '  ')}
spec:
  image: ${image}
${below(spec, '  ')}
`;
}
