// Docker goes away in the middle of a stop. Whatever the stop rule, it reaches the process once Docker is back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServerSpec } from '../../../src/resources/server.ts';
import { anyUuid, FakeNode, gameImage } from '../../support/fake-node.ts';

const rules: [stop: ServerSpec['egg']['stop'], code: number][] = [
  [{ type: 'command', value: 'stop' }, 0],
  [{ type: 'signal', value: 'SIGINT' }, 130],
  [{ type: 'stop', value: '' }, 143],
];

for (const [stop, code] of rules) {
  test(`a stop by ${stop.type} waits for Docker to be back`, async (t) => {
    let outage = async () => {};
    const node = new FakeNode(t, { checkpoint: async (name) => (name === 'stop:stopping' ? outage() : undefined) });
    node.docker.addImage(gameImage, (process) => {
      process.print('Done\n');
      process.onInput((text) => text === 'stop\n' && process.exit(0));
    });
    await node.start();
    await node.add({ spec: { image: `~${gameImage}`, egg: { done: ['Done'], stripAnsi: false, stop } } });
    await node.untilState('offline');
    await node.requestAndFinish('start');
    await node.untilState('running');

    outage = async () => {
      outage = async () => {};
      node.docker.setReachable(false);
      node.clock.after(30_000, () => node.docker.setReachable(true));
    };
    const asked = node.clock.monotonic();
    const server = await node.requestAndFinish('stop');
    const took = node.clock.monotonic() - asked;
    assert.ok(took >= 30_000 && took < 60_000, `it took ${took} ms`);
    assert.equal(server.status?.exit?.code, code);
    assert.equal(server.status?.power?.outcome, 'Succeeded');
    assert.equal(node.docker.stdin(anyUuid), stop.type === 'command' ? 'stop\n' : '');
    assert.deepEqual(
      node.lines.filter((line) => line.startsWith('> ')),
      [],
    );
  });
}
