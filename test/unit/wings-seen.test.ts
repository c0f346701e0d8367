// That who was told of a change finds it: the wait for what was written to come to those who answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seen } from '../../src/http/wings/seen.ts';
import type { ServerChange } from '../../src/http/wings/server-lookup.ts';
import type { Server } from '../../src/resources/server.ts';
import { aServer } from '../support/builders.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';

const at = (resourceVersion: string, metadata: Partial<Server['metadata']> = {}) =>
  aServer({ metadata: { resourceVersion, ...metadata } });

/** A cache that is told of changes by the test. */
function waiting(wanted: Server, present: Server | undefined) {
  const clock = new FakeClock();
  let known = present;
  const handlers = new Set<(change: ServerChange) => void>();
  const servers = {
    synced: async () => {},
    byUuid: () => known,
    list: () => (known ? [known] : []),
    onChange(handler: (change: ServerChange) => void) {
      if (known) handler({ type: 'ADDED', object: known });
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
  };
  let done = false;
  const wait = seen({ servers, clock }, wanted).then(() => {
    done = true;
  });
  return {
    clock,
    wait,
    handlers,
    isDone: async () => {
      await settle();
      return done;
    },
    tell(type: ServerChange['type'], object: Server) {
      known = type === 'DELETED' ? undefined : object;
      for (const handler of handlers) handler({ type, object });
    },
  };
}

test('what is known already is not waited for', async () => {
  for (const present of [at('7'), at('8'), at('10')]) assert.equal(await waiting(at('7'), present).isDone(), true);
});

test('a change is waited for until it has come, or a later one', async () => {
  for (const [present, next] of [
    [at('6'), '7'],
    [undefined, '7'],
    [at('9'), '12'],
  ] as const) {
    const wanted = next === '12' ? at('10') : at('7');
    const { isDone, tell, wait, handlers, clock } = waiting(wanted, present);
    assert.equal(await isDone(), false);
    tell('MODIFIED', aServer({ name: 'other', metadata: { resourceVersion: '99' } }));
    assert.equal(await isDone(), false);
    tell('MODIFIED', at(next));
    await wait;
    assert.deepEqual([handlers.size, clock.pendingTimers], [0, 0]);
  }
});

test('a deletion is waited for until it is known, by its mark or by the end', async () => {
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const deleted = at('7', { deletionTimestamp });
  for (const type of ['MODIFIED', 'DELETED'] as const) {
    const { isDone, tell, wait } = waiting(deleted, at('6'));
    assert.equal(await isDone(), false);
    tell(type, deleted);
    await wait;
  }
  assert.equal(await waiting(deleted, undefined).isDone(), true);
});

test('a watch that is broken keeps nobody waiting', async () => {
  const { clock, wait, isDone } = waiting(at('7'), at('6'));
  await clock.advance(999);
  assert.equal(await isDone(), false);
  await clock.advance(1);
  await wait;
});
