// A real engine that stops, is killed and comes back, seen through the adapter and the feed.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { DockerUnreachableError } from '../../src/docker/engine.ts';
import { DockerFeed } from '../../src/docker/feed.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { testBody, testImage, uniqueName } from '../support/docker.ts';
import { needsPrivateDocker, privateDocker } from '../support/private-docker.ts';

const options = { skip: needsPrivateDocker(), timeout: 180_000 };

test('a restart of Docker breaks streams, calls fail meanwhile, and the feed comes back', options, async (t) => {
  const machine = await privateDocker(t);
  const { docker, id, feed, told, come } = await game(t, machine.env);
  const { exit } = await docker.openExitWait(id, AbortSignal.timeout(120_000));
  exit.catch(() => {});
  const console = await docker.attachContainer(id, { tty: true, stdin: true });
  const reading = (async () => {
    for await (const _ of console.output);
  })().catch((error) => error);

  await machine.stop();
  await come('unreachable');
  assert.equal(feed.reachable, false);
  await reading;
  await assert.rejects(docker.inspectContainer(id), DockerUnreachableError);
  await assert.rejects(console.write(Buffer.from('x\n')));

  await machine.start();
  await come('reachable');
  const info = await docker.inspectContainer(id);
  assert.equal(info?.running, false);

  told.length = 0;
  await docker.startContainer(id);
  await come('start');
  await docker.killContainer(id, 'SIGKILL');
  await come('die');
});

test('with live restore the container outlives the engine and can be attached again', options, async (t) => {
  const machine = await privateDocker(t, { liveRestore: true });
  const { docker, id, come } = await game(t, machine.env);
  const before = await docker.inspectContainer(id);
  await machine.kill();
  await come('unreachable');
  await machine.start();
  await come('reachable');
  const after = await docker.inspectContainer(id);
  assert.deepEqual([after?.running, after?.startedAt], [true, before?.startedAt]);
  const console = await docker.attachContainer(id, { tty: true, stdin: true });
  t.after(() => console.close());
  await console.write(Buffer.from('hello\n'));
  let text = '';
  for await (const piece of console.output) {
    text += piece.toString();
    if (text.includes('got hello')) break;
  }
  assert.match(text, /got hello/);
});

async function game(t: TestContext, env: Record<string, string | undefined>) {
  const image = await testImage(env);
  const docker = createDockerEngine(env, { timeoutMs: 10_000 });
  const feed = new DockerFeed({ docker, clock: systemClock, log: silentLogger });
  const told: string[] = [];
  let wake = () => {};
  const tell = (what: string) => {
    told.push(what);
    wake();
  };
  feed.onReachable(() => tell('reachable'));
  feed.onUnreachable(() => tell('unreachable'));
  feed.onEvent(({ action }) => tell(action));
  feed.start();
  t.after(() => feed.stop());
  /** Waits until it has been told, and forgets it and all before. */
  const come = async (what: string) => {
    while (!told.includes(what)) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    told.splice(0, told.indexOf(what) + 1);
  };
  await come('reachable');
  const startup = 'trap "exit 0" TERM; while read line; do echo "got $line"; done';
  const { id } = await docker.createContainer(uniqueName(), testBody(image, startup));
  await docker.startContainer(id);
  await come('start');
  return { docker, id, feed, told, come };
}
