import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Manager } from '../../src/runtime/manager.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { recordedLog } from '../support/recorded-log.ts';

function aManager() {
  const clock = new FakeClock();
  const log = recordedLog();
  const story: string[] = [];
  const manager = new Manager({ clock, log });
  const informer = (kind: string) => {
    const synced = Promise.withResolvers<void>();
    return {
      kind,
      synced: () => synced.promise,
      sync: () => synced.resolve(),
      start: () => void story.push(`start ${kind}`),
      stop: async () => {
        story.push(`stop ${kind}`);
        synced.reject(new Error('stopped'));
      },
    };
  };
  const controller = (name: string) => ({
    name,
    start: () => void story.push(`start ${name}`),
    stop: async () => {
      await settle(1);
      story.push(`stop ${name}`);
    },
  });
  return { manager, clock, log, story, informer, controller };
}

test('controllers start when every cache is filled, and all stop in reverse', async () => {
  const { manager, story, informer, controller } = aManager();
  const [servers, nodes] = [informer('Server'), informer('Node')];
  manager.add({ informers: [servers], controllers: [controller('server')] });
  manager.add({ informers: [nodes], controllers: [controller('node')] });
  const started = manager.start();
  await settle();
  assert.deepEqual(story, ['start Server', 'start Node']);
  servers.sync();
  await settle();
  assert.equal(manager.ready, false);
  assert.equal(story.length, 2, 'one cache is still empty');
  nodes.sync();
  await started;
  assert.equal(manager.ready, true);
  assert.deepEqual(story.splice(0), ['start Server', 'start Node', 'start server', 'start node']);
  const stopped = manager.stop();
  assert.equal(manager.ready, false);
  await stopped;
  await manager.stop();
  assert.deepEqual(story, ['stop node', 'stop server', 'stop Node', 'stop Server']);
});

test('says what it waits for', async () => {
  const { manager, clock, log, informer } = aManager();
  const servers = informer('Server');
  manager.add({ informers: [servers] });
  const started = manager.start();
  await clock.advance(10_000);
  assert.deepEqual(
    log.find({ level: 'warn' }).map(({ fields }) => fields['kind']),
    ['Server', 'Server'],
  );
  servers.sync();
  await started;
  assert.equal(clock.pendingTimers, 0);
});

test('a stop during the start ends both, and no controller starts any more', async () => {
  const { manager, clock, story, informer, controller } = aManager();
  manager.add({ informers: [informer('Server')], controllers: [controller('server')] });
  const started = manager.start();
  await settle();
  await manager.stop();
  await started;
  assert.deepEqual(story, ['start Server', 'stop Server']);
  assert.equal(manager.ready, false);
  assert.equal(clock.pendingTimers, 0);
});

test('a stop while a controller starts keeps the next one from starting', async () => {
  const { manager, story, controller } = aManager();
  const slow = Promise.withResolvers<void>();
  manager.add({ controllers: [{ ...controller('slow'), start: () => slow.promise }, controller('late')] });
  const started = manager.start();
  await settle();
  const stopped = manager.stop();
  slow.resolve();
  await Promise.all([started, stopped]);
  assert.deepEqual(story, ['stop slow']);
  assert.equal(manager.ready, false);
});

test('a start that fails is thrown, and stop takes down what had begun', async () => {
  const { manager, story, informer, controller } = aManager();
  const servers = informer('Server');
  const bad = {
    ...controller('bad'),
    start: () => {
      throw new Error('no');
    },
  };
  manager.add({ informers: [servers], controllers: [controller('good'), bad, controller('late')] });
  servers.sync();
  await assert.rejects(manager.start(), /^Error: no$/);
  await manager.stop();
  assert.deepEqual(story, ['start Server', 'start good', 'stop bad', 'stop good', 'stop Server']);
});

test('one that cannot be stopped does not keep the others from it', async () => {
  const { manager, story, informer, controller } = aManager();
  const servers = informer('Server');
  const cause = new Error('stuck');
  manager.add({
    informers: [servers],
    controllers: [controller('good'), { ...controller('bad'), stop: () => Promise.reject(cause) }],
  });
  servers.sync();
  await manager.start();
  await assert.rejects(manager.stop(), (error: AggregateError) => {
    assert.equal(error.errors[0].message, 'controller bad could not be stopped');
    assert.equal(error.errors[0].cause, cause);
    return true;
  });
  assert.deepEqual(story.slice(-2), ['stop good', 'stop Server']);
});

test('takes nothing more once it has started', async () => {
  const { manager } = aManager();
  await manager.start();
  assert.throws(() => manager.add({}), /started before/);
});
