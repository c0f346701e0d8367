// The report of a crash to those who watch the server and to its Panel.
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { ServerSpec } from '../../../src/resources/server.ts';
import { anyUuid, FakeNode, gameImage } from '../../support/fake-node.ts';

async function running(t: TestContext, spec: Partial<ServerSpec> = {}): Promise<FakeNode> {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage, (process) => process.print('one\ntwo\nDone\n'));
  await node.startRunning(spec);
  return node;
}

test('a crash is reported with the last lines of the process, also the one that is not answered (containers 24.6)', async (t) => {
  const node = await running(t);
  node.docker.exit(anyUuid, 3);
  await node.until(
    'it runs again',
    ({ status } = {} as never) => status?.crashCount === 1 && status.state === 'running',
  );
  node.docker.exit(anyUuid, 4, { oomKilled: true });
  await node.until('it gave up', ({ status } = {} as never) => status?.crashCount === 2 && status.state === 'offline');
  const logs = ['two', 'Done'];
  assert.deepEqual(node.activities, [
    { server: anyUuid, event: 'server:crashed', metadata: { exit_code: 3, oomkilled: false, logs } },
    { server: anyUuid, event: 'server:crashed', metadata: { exit_code: 4, oomkilled: true, logs } },
  ]);
});

for (const [title, spec, code] of [
  ['crash detection is off', { crashDetectionEnabled: false }, 3],
  ['a clean exit is none', { restartPolicy: 'OnFailure' }, 0],
] as const) {
  test(`nothing is reported when ${title}`, async (t) => {
    const node = await running(t, spec);
    node.docker.exit(anyUuid, code);
    await node.untilState('offline');
    await node.settle();
    assert.deepEqual(node.activities, []);
  });
}
