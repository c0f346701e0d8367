// The feed of container events over outages of Docker, on the fake engine and a fake clock.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { ContainerEvent } from '../../src/docker/engine.ts';
import { DockerFeed } from '../../src/docker/feed.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { testBody } from '../support/docker.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { FakeDocker } from '../support/fake-docker.ts';

function setUp() {
  const clock = new FakeClock();
  const docker = new FakeDocker({ clock });
  docker.addImage('game');
  const registry = new Registry();
  const feed = new DockerFeed({ docker, clock, log: silentLogger, registry });
  const told: string[] = [];
  feed.onReachable(() => told.push('reachable'));
  feed.onUnreachable(() => told.push('unreachable'));
  feed.onEvent(({ action, name }: ContainerEvent) => told.push(`${action} ${name}`));
  const gauge = async () => (await registry.getSingleMetric('aileron_docker_reachable')?.get())?.values[0]?.value;
  const create = (name: string) => docker.createContainer(name, testBody('game', ''));
  return { clock, docker, feed, told, gauge, create };
}

test('says that Docker is reachable before it tells of events', async (t) => {
  const { clock, feed, told, gauge, create } = setUp();
  t.after(() => feed.stop());
  assert.equal(feed.reachable, false);
  assert.equal(await gauge(), 0);
  feed.start();
  await settle();
  await create('one');
  await clock.advance(0);
  assert.deepEqual(told, ['reachable', 'create one']);
  assert.equal(feed.reachable, true);
  assert.equal(await gauge(), 1);
});

test('waits for a Docker that is not there, at most 5 s between two attempts (covers: SEC-90)', async (t) => {
  const { clock, docker, feed, told } = setUp();
  t.after(() => feed.stop());
  const attempts: number[] = [];
  docker.before = (method) => {
    if (method === 'ping') attempts.push(clock.monotonic());
  };
  docker.setReachable(false);
  feed.start();
  await clock.advance(60_000);
  const waits = attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0));
  assert.deepEqual(waits.slice(0, 7), [100, 200, 400, 800, 1600, 3200, 5000]);
  assert.equal(Math.max(...waits), 5_000);
  assert.deepEqual(told, ['unreachable']);
  assert.match(feed.failure?.message ?? '', /does not answer/);
  docker.setReachable(true);
  await clock.advance(5_000);
  assert.deepEqual(told, ['unreachable', 'reachable']);
  assert.equal(feed.failure, undefined);
});

test('loses no event of an outage that Docker itself survived', async (t) => {
  const { clock, docker, feed, told, create, gauge } = setUp();
  t.after(() => feed.stop());
  feed.start();
  await create('one');
  await clock.advance(10_000);
  await docker.startContainer('one');
  await clock.advance(10_000);
  docker.setReachable(false);
  await clock.advance(0);
  assert.equal(feed.reachable, false);
  assert.equal(await gauge(), 0);
  docker.exit('one', 1);
  await clock.advance(60_000);
  docker.setReachable(true);
  await clock.advance(5_000);
  assert.deepEqual(
    told.filter((what) => what === 'reachable' || what === 'unreachable'),
    ['reachable', 'unreachable', 'reachable'],
  );
  assert.equal(told.at(-1), 'die one');
  assert.equal(told.filter((what) => what === 'create one').length, 1);
});

test('finds out by asking that a Docker which closes nothing has hung', async (t) => {
  const { clock, docker, feed, told } = setUp();
  t.after(() => feed.stop());
  feed.start();
  await clock.advance(1_000);
  docker.before = (method) => {
    if (method === 'ping') throw new Error('no answer within 30 s');
  };
  await clock.advance(15_000);
  assert.deepEqual(told, ['reachable', 'unreachable']);
  docker.before = () => {};
  await clock.advance(5_000);
  assert.deepEqual(told, ['reachable', 'unreachable', 'reachable']);
});

test('goes slower when every stream breaks at once (covers: SEC-90)', async (t) => {
  const { clock, docker, feed } = setUp();
  t.after(() => feed.stop());
  let opened = 0;
  docker.before = (method) => {
    if (method !== 'openEvents') return;
    opened++;
    setImmediate(() => {
      docker.setReachable(false);
      docker.setReachable(true);
    });
  };
  feed.start();
  await clock.advance(60_000);
  assert.ok(opened < 20, `${opened} streams in a minute`);
});

test('a listener that fails harms neither the feed nor the others', async (t) => {
  const { clock, docker, create } = setUp();
  const errors: string[] = [];
  const feed = new DockerFeed({
    docker,
    clock,
    log: { ...silentLogger, error: (_fields, message) => errors.push(message) },
  });
  t.after(() => feed.stop());
  feed.onEvent(() => {
    throw new Error('mine');
  });
  const seen: string[] = [];
  feed.onEvent(({ name }) => seen.push(name));
  feed.start();
  await settle();
  await create('one');
  await create('two');
  await clock.advance(0);
  assert.deepEqual(seen, ['one', 'two']);
  assert.equal(errors.length, 2);
});

test('stops in the middle of a wait and leaves no timer', async () => {
  const { clock, docker, feed } = setUp();
  docker.setReachable(false);
  feed.start();
  await clock.advance(1_000);
  await feed.stop();
  assert.equal(clock.pendingTimers, 0);
});

test('stops while a stream is open and leaves no timer', async () => {
  const { clock, feed, told } = setUp();
  feed.start();
  await clock.advance(1_000);
  await feed.stop();
  assert.equal(clock.pendingTimers, 0);
  assert.deepEqual(told, ['reachable']);
});
