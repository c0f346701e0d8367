// What comes before the process of a Panel's server: the Panel is asked, and the game's files are brought up to date.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Config, Flavour } from '../../../src/config/config.ts';
import { PanelRefusedError, type PanelSync } from '../../../src/panel/sync.ts';
import { unlistedCondition } from '../../../src/resources/listed.ts';
import type { Server, ServerSpec } from '../../../src/resources/server.ts';
import { mutateStatus } from '../../../src/runtime/status.ts';
import { anyUuid, FakeNode, gameImage } from '../../support/fake-node.ts';

const owner = { kind: 'Panel', ref: 'https://panel.example' } as const;
const egg = { done: ['Done'], stripAnsi: false, stop: { type: 'command', value: 'stop' } } as const;
const port = (value: string): ServerSpec['egg'] & { configs: NonNullable<ServerSpec['egg']['configs']> } => ({
  ...egg,
  done: ['Done'],
  configs: [
    { file: 'server.properties', parser: 'properties', replace: [{ match: 'server-port', replaceWith: value }] },
  ],
});

interface Parts {
  flavour?: Flavour;
  refresh?: (node: FakeNode) => ReturnType<PanelSync['refresh']>;
  spec?: Partial<ServerSpec>;
  system?: Partial<Config['system']>;
}

/** `asked`: uuids that the Panel was asked for; `seen`: the game's file at the moment of each start of its process. */
async function panelNode(
  t: TestContext,
  { flavour, refresh = async () => 'fresh', spec = {}, system = {} }: Parts = {},
) {
  const asked: string[] = [];
  const seen: string[] = [];
  const panel: PanelSync = {
    refresh(uuid) {
      asked.push(uuid);
      return refresh(node);
    },
  };
  const node: FakeNode = new FakeNode(t, { panel });
  Object.assign(node.config.system, system);
  if (flavour) Object.assign(node.config, { flavour });
  const file = join(node.config.system.data, anyUuid, 'server.properties');
  node.docker.addImage(gameImage, (process) => {
    seen.push(existsSync(file) ? readFileSync(file, 'utf8') : '');
    process.print('Done\n');
    process.onInput((text) => {
      if (text === 'stop\n') process.exit(0);
    });
  });
  await node.start();
  await node.add({ spec: { image: `~${gameImage}`, owner, egg: { ...egg, done: ['Done'] }, ...spec } });
  await node.untilState('offline');
  return { node, asked, seen, file };
}

async function refused(): Promise<never> {
  throw new PanelRefusedError('server does not exist on remote system', { status: 404 });
}

for (const [flavour, word] of [
  ['pelican', 'checking'],
  ['pterodactyl', 'Checking'],
] as const) {
  test(`${flavour}: a start asks the Panel, looks at the disk, edits the files, sees to their owner, and then starts the process (containers 24.2)`, async (t) => {
    const { node, asked, seen, file } = await panelNode(t, {
      flavour,
      system: { diskCheckInterval: 60, checkPermissionsOnBoot: true },
      spec: {
        egg: port('25565'),
        limits: { memory: 128, swap: 0, disk: 100, cpu: 0, io: 500, oomKiller: true, memoryUnit: 'MiB' },
      },
    });
    assert.deepEqual(asked, [], 'nobody is asked before there is a start');
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, '# mine\nserver-port=1\nmotd=hello\n');
    await node.requestAndFinish('start');
    await node.untilState('running');
    assert.deepEqual(asked, [anyUuid]);
    assert.deepEqual(node.lines, [
      `> ${word} server disk space usage, this could take a few seconds...`,
      '> Updating process configuration files...',
      '> Ensuring file permissions are set correctly, this could take a few seconds...',
      'Done',
    ]);
    assert.deepEqual(seen, ['# mine\nserver-port=25565\nmotd=hello\n']);
    assert.equal(statSync(file).uid, node.config.system.user.uid);
  });
}

test('what the Panel has changed is what starts: settings, files and all', async (t) => {
  const { node, seen } = await panelNode(t, {
    async refresh({ store }) {
      const allocations = { default: { ip: '203.0.113.1', port: 2 }, additional: [], forceOutgoingIp: false };
      await store.patch('Server', 'demo', {
        spec: { invocation: 'new', allocations, egg: port('{{server.build.default.port}}') },
      });
      return 'fresh';
    },
  });
  await node.requestAndFinish('start');
  await node.untilState('running');
  const container = await node.docker.inspectContainer(anyUuid);
  assert.ok(container?.env.includes('STARTUP=new'), String(container?.env));
  assert.deepEqual(seen, ['server-port=2\n']);
});

test('a Panel that does not answer keeps nobody from starting', async (t) => {
  const { node } = await panelNode(t, { refresh: async () => 'stale' });
  await node.requestAndFinish('start');
  await node.untilState('running');
  assert.equal(node.log.find({ level: 'warn' }).filter(({ fields }) => fields['server'] === anyUuid).length, 1);
});

test('a server that its Panel does not know is not started, and the console says why', async (t) => {
  const { node } = await panelNode(t, { refresh: refused });
  const server = await node.requestAndFinish('start');
  assert.equal(server.status?.power?.outcome, 'Failed');
  assert.deepEqual(node.lines, ['> Failed to start the server: server does not exist on remote system']);
  assert.deepEqual(node.states, []);
  assert.equal(await node.docker.inspectContainer(anyUuid), undefined);
  assert.equal((await node.untilState('offline')).status?.operation, undefined);
});

test('a restart has stopped the process when the Panel refuses', async (t) => {
  let known = true;
  const { node } = await panelNode(t, { refresh: async () => (known ? 'fresh' : refused()) });
  await node.requestAndFinish('start');
  await node.untilState('running');
  known = false;
  const server = await node.requestAndFinish('restart');
  assert.equal(server.status?.power?.outcome, 'Failed');
  assert.equal(server.status?.state, 'offline');
});

test('a start after a crash asks too, and says that it came to nothing', async (t) => {
  let known = true;
  const { node, asked } = await panelNode(t, { refresh: async () => (known ? 'fresh' : refused()) });
  await node.requestAndFinish('start');
  await node.untilState('running');
  known = false;
  node.docker.exit(anyUuid, 1);
  await node.until('it was given up', () => node.lines.some((line) => line.includes('error occurred')));
  await node.untilState('offline');
  assert.equal(asked.length, 2);
  assert.deepEqual(node.lines.slice(-2), [
    '> Failed to start the server: server does not exist on remote system',
    '> Server crash was detected but an error occurred while handling it.',
  ]);
});

test('a server that turns out to be suspended is not started', async (t) => {
  const { node } = await panelNode(t, {
    async refresh({ store }) {
      await store.patch('Server', 'demo', { spec: { suspended: true } });
      return 'fresh';
    },
  });
  const server = await node.requestAndFinish('start');
  assert.notEqual(server.status?.power?.outcome, 'Succeeded');
  assert.match(server.status?.power?.message ?? '', /suspended/);
  assert.equal(await node.docker.inspectContainer(anyUuid), undefined);
});

test('a server that the Panel turns out not to list is started for a person, and not by itself', async (t) => {
  const { node } = await panelNode(t, {
    async refresh({ store }) {
      await mutateStatus<Server>(store, 'Server', 'demo', (status) => {
        status.conditions = [{ ...unlistedCondition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
      });
      return 'fresh';
    },
  });
  await mutateStatus<Server>(node.store, 'Server', 'demo', (status) => {
    status.operation = { action: 'start', cause: 'Outage', startedAt: '2026-01-01T00:00:00Z' };
  });
  await node.restart();
  await node.until('it was given up', (server) => server?.status?.power?.outcome === 'Failed');
  assert.deepEqual(node.states, []);
  await node.requestAndFinish('start');
  await node.untilState('running');
});

test('nobody is asked about a server that is no Panel’s, and its console is as ever', async (t) => {
  const { node, asked } = await panelNode(t, { refresh: refused, spec: { owner: { kind: 'User', ref: 'me' } } });
  await node.requestAndFinish('start');
  await node.untilState('running');
  assert.deepEqual(asked, []);
  assert.deepEqual(node.lines, ['Done']);
});

test('a file that cannot be edited is left, the log says which, and the server starts (egg-config 12.2)', async (t) => {
  const { node, seen, file } = await panelNode(t, {
    spec: {
      egg: {
        ...port('25565'),
        configs: [
          { file: 'a.json', parser: 'json', replace: [{ match: 'a', replaceWith: 'x' }] },
          ...port('1').configs,
        ],
      },
    },
  });
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(join(file, '..', 'a.json'), '{"a":1,}');
  await node.requestAndFinish('start');
  await node.untilState('running');
  assert.deepEqual(seen, ['server-port=1\n']);
  assert.equal(readFileSync(join(file, '..', 'a.json'), 'utf8'), '{"a":1,}');
  const warnings = node.log.find({ message: 'a configuration file was left as it is' });
  assert.deepEqual(
    warnings.map(({ fields }) => [fields['server'], fields['file']]),
    [[anyUuid, 'a.json']],
  );
});
