// Admission over a store in memory, with ids and a clock that are the same in each run.
import assert from 'node:assert/strict';
import { Admission, type WriteContext } from '../../src/resources/admission.ts';
import { type FieldCause, InvalidError } from '../../src/resources/errors.ts';
import type { StoredObject } from '../../src/resources/object.ts';
import type { Server } from '../../src/resources/server.ts';
import type { Store } from '../../src/store/store.ts';
import { FakeClock } from './fake-clock.ts';
import { MemoryStore } from './memory-store.ts';

export const thisNode = 'node-1';

/** A UUID of version 4 that says which one it is. */
export function uuidOf(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

export function writeContext(parts: Partial<WriteContext> = {}): WriteContext {
  return {
    by: 'tester',
    owner: { kind: 'User', ref: 'tester' },
    dryRun: false,
    fieldValidation: 'Strict',
    warn: () => {},
    ...parts,
  };
}

export const asPanel = writeContext({ by: 'panel', owner: { kind: 'Panel', ref: 'https://panel.example' } });
export const asManifest = writeContext({ by: 'manifest:a.yaml', owner: { kind: 'Manifest', ref: 'a.yaml' } });
export const asDryRun = writeContext({ dryRun: true });

export class AdmissionBench<S extends Store = MemoryStore> {
  readonly clock = new FakeClock();
  readonly store: S;
  readonly admission: Admission;
  #ids = 0;

  constructor(openStore?: (clock: FakeClock) => S) {
    this.store = (openStore?.(this.clock) ?? new MemoryStore({ clock: this.clock })) as S;
    this.admission = new Admission({
      store: this.store,
      nodeName: thisNode,
      clock: this.clock,
      newId: () => uuidOf(++this.#ids),
    });
  }

  create(name: string, spec: Record<string, unknown> = {}, context = writeContext()): Promise<Server> {
    const input = { metadata: { name }, spec: { image: 'game', ...spec } };
    return this.admission.create('Server', input, context) as Promise<Server>;
  }

  patch(name: string, patch: Record<string, unknown>, context = writeContext()): Promise<Server> {
    return this.admission.patch('Server', name, patch, context) as Promise<Server>;
  }

  update(object: unknown, context = writeContext()): Promise<Server> {
    const { name } = (object as StoredObject).metadata;
    return this.admission.update('Server', name, object, context) as Promise<Server>;
  }

  async read(name: string): Promise<Server> {
    const server = await this.store.get<StoredObject>('Server', name);
    assert.ok(server, `there is no server ${name}`);
    return server as Server;
  }

  /** As the controller does when a power action came to its end. */
  async finishRequest(name: string): Promise<void> {
    const server = await this.read(name);
    const finishedRequest = server.spec.power.request?.id;
    await this.store.updateStatus({ ...server, status: { ...server.status, power: { finishedRequest } } });
  }

  /** Everything a write could have changed. */
  async state(): Promise<unknown> {
    return { servers: await this.store.list('Server'), events: await this.store.list('Event') };
  }
}

/** The causes of the refusal. */
export async function causesOf(write: Promise<unknown>): Promise<FieldCause[]> {
  const error = await write.then(
    () => assert.fail('the write was accepted'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof InvalidError)) throw error;
  return error.causes;
}
