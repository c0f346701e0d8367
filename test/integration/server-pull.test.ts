// A start with an image that Docker has to fetch: every line and state in its order, who is told of the pull, and what
// becomes of a pull that cannot be.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { needsDocker, request } from '../support/docker.ts';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { LiveNode } from '../support/live-node.ts';
import { fileOwner } from '../support/owner.ts';
import { SmallRegistry } from '../support/small-registry.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const patienceMs = 30_000;
const account = { username: 'node', password: 'pull me' };
const invocation = 'echo loading; echo "Done (1s)!"; read -r line; exit 0';

const pulling = '> Pulling Docker container image, this could take a few minutes to complete...';
const pulled = '> Finished pulling Docker container image';

describe('the image of a server', options, () => {
  const owner = fileOwner();
  let registry: SmallRegistry;
  let stranger: SmallRegistry;
  let node: LiveNode;

  before(async () => {
    registry = await SmallRegistry.start(owner, { account });
    stranger = await SmallRegistry.start(owner, { account });
    node = await LiveNode.make(owner, {
      change: (config) => ({
        ...config,
        system: { ...config.system, diskCheckInterval: 150, checkPermissionsOnBoot: true },
        docker: { ...config.docker, registries: { [registry.host]: account } },
      }),
    });
    await node.start();
  });

  /** One that tells of all that may come before its process. */
  const add = (name: string, image: string) =>
    node.add(name, { image, invocation, limits: { disk: 100 }, egg: { done: ['Done'], configs: [] } });

  const beforeProcess = [
    '> checking server disk space usage, this could take a few seconds...',
    '> Updating process configuration files...',
    '> Ensuring file permissions are set correctly, this could take a few seconds...',
    '= starting',
  ];

  test('is pulled with the account of its registry, and every line and state comes in its order (containers 24.2) (covers: SEC-86)', async (t) => {
    const image = `${registry.host}/test/game:1`;
    const uuid = await add('fetched', image);
    t.after(async () => {
      await node.api.powerAndFinish('fetched', 'kill');
      if (await node.docker.inspectImage(image)) await request(process.env, 'DELETE', `/images/${image}?force=1`);
    });
    const administrator = await openConsole(t, node.daemon.nodePort, uuid);
    await administrator.authenticate(await consoleToken(node.config, uuid));
    const user = await openConsole(t, node.daemon.nodePort, uuid);
    await user.authenticate(await consoleToken(node.config, uuid, ['websocket.connect']));

    await node.api.powerAndFinish('fetched', 'start', patienceMs);
    await node.running('fetched', patienceMs);
    const atStart = [...beforeProcess, pulling, pulled, 'loading', 'Done (1s)!', '= running'];
    await node.daemon.shows(uuid, atStart);

    // Docker tells of a pull without a layer in its first and last words; those with one depend on the machine's speed.
    const last = `Status: Downloaded newer image for ${image} `;
    await administrator.until('the pull is told', () => administrator.all('install output').includes(last), patienceMs);
    assert.match(administrator.all('install output')[0] ?? '', /^Pulling from test\/game $/);
    await user.until('it runs for all', () => user.all('status').at(-1) === 'running', patienceMs);
    assert.equal(user.count('install output'), 0);
    assert.deepEqual([...new Set(registry.credentials)], ['node:pull me']);

    await node.api.powerAndFinish('fetched', 'stop');
    await registry.close();
    await node.api.powerAndFinish('fetched', 'start', patienceMs);
    await node.running('fetched', patienceMs);
    await node.daemon.shows(
      uuid,
      [
        ...beforeProcess,
        pulling,
        '> Could not pull the Docker image, using the copy on this node.',
        ...atStart.slice(-3),
      ],
      { last: true },
    );
  });

  test('of a registry that nobody has an account for is asked for without one, and the start fails once (containers 24.7) (covers: SEC-86)', async () => {
    const image = `${stranger.host}/test/game:1`;
    const uuid = await add('refused', image);
    await failsOnce('refused', uuid, `failed to pull "${image}" image for server`);
    assert.deepEqual(stranger.credentials, []);
  });

  test('that breaks while it is pulled is a start that fails once (containers 24.7)', async (t) => {
    const broken = await SmallRegistry.start(t);
    broken.corrupt = true;
    const image = `${broken.host}/test/game:1`;
    const uuid = await add('broken', image);
    await failsOnce('broken', uuid, `failed to pull "${image}" image for server`);
  });

  async function failsOnce(name: string, uuid: string, reason: string): Promise<void> {
    const { status } = await node.api.powerAndFinish(name, 'start', patienceMs);
    assert.deepEqual([status?.power?.outcome, status?.state, status?.crashCount ?? 0], ['Failed', 'offline', 0]);
    await node.daemon.shows(uuid, [
      ...beforeProcess,
      pulling,
      `> Failed to start the server: ${reason}`,
      '= stopping',
      '= offline',
    ]);
    assert.deepEqual(await node.containers(name), []);
  }
});
