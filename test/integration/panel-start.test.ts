// A server of a Panel on a real engine: what the Panel says at the moment of the start is what the process finds, in its
// settings and in its files; and a node that was a Wings' before goes on where that one was.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Server } from '../../src/resources/server.ts';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';
import { newestFirst, type Owner } from '../support/owner.ts';
import { PanelStandIn } from '../support/panel/panel-stand-in.ts';
import type { RecordParts } from '../support/panel/server-record.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const patienceMs = 30_000;
const uuid = randomUUID();

/** Shows its port as its file has it, then is up. */
const invocation = 'grep ^server-port /home/container/server.properties; echo Done; read -r line; exit 0';

async function panelAndNode(t: Owner): Promise<{ panel: PanelStandIn; node: LiveNode; parts: RecordParts }> {
  const panel = await PanelStandIn.start(t, { flavour: 'pelican' });
  const { tokenId: id, token: secret } = panel.node;
  const node = await LiveNode.make(t, {
    change: (config) => ({ ...config, flavour: 'pelican', remote: panel.url, token: { id, secret } }),
  });
  const { parts } = panel.state.addServer({
    uuid,
    image: `~${node.image}`,
    invocation,
    allocations: [{ ip: '127.0.0.1', port: 0 }],
    configs: [
      {
        file: 'server.properties',
        parser: 'properties',
        replace: [{ match: 'server-port', replace_with: '25565' }],
      },
    ],
  });
  return { panel, node, parts };
}

const known = (node: LiveNode) =>
  until('the server is known', patienceMs, async () => (await node.api.get(uuid)) !== undefined);

test(
  'the file has its port before the process starts, and the newest one at the next start; a Panel that is away does not hinder the one after a crash (containers 24.6)',
  options,
  async (t) => {
    const { panel, node, parts } = await panelAndNode(newestFirst(t));
    await node.start();
    await known(node);
    const file = join(node.volume(uuid), 'server.properties');
    mkdirSync(node.volume(uuid), { recursive: true });
    writeFileSync(file, '#Minecraft server properties\nmotd=hello\nserver-port=1\n');
    await node.api.powerAndFinish(uuid, 'start');
    await node.running(uuid);
    const update = '> Updating process configuration files...';
    assert.deepEqual(node.daemon.lines(uuid), [update, 'server-port=25565', 'Done']);
    assert.equal(readFileSync(file, 'utf8'), '#Minecraft server properties\nmotd=hello\nserver-port=25565\n');
    assert.equal(panel.requests('GET /servers/:id').length, 1);

    parts.configs = [
      { file: 'server.properties', parser: 'properties', replace: [{ match: 'server-port', replace_with: '25566' }] },
    ];
    await node.api.powerAndFinish(uuid, 'restart');
    await node.running(uuid);
    assert.deepEqual(node.daemon.lines(uuid).slice(-3), [update, 'server-port=25566', 'Done']);

    // With the Panel away the last that it said counts, for whoever asks for a start: here it is a crash.
    await panel.down();
    await node.daemon.type(uuid, 'end');
    const isBack = ({ status }: Server) => status?.crashCount === 1 && status.state === 'running' && !status.operation;
    await node.api.until(uuid, 'it runs again', isBack, 60_000);
    assert.deepEqual(node.daemon.lines(uuid).slice(-7), [
      'end',
      '> ---------- Detected server process in a crashed state! ----------',
      '> Exit code: 0',
      '> Out of memory: false',
      update,
      'server-port=25566',
      'Done',
    ]);
    await node.api.powerAndFinish(uuid, 'stop');

    // A Panel that does not know it any more keeps it from starting.
    await panel.up();
    panel.state.servers.delete(uuid);
    const server = await node.api.powerAndFinish(uuid, 'start');
    assert.equal(server.status?.power?.outcome, 'Failed');
    assert.equal(
      node.daemon.lines(uuid).at(-1),
      '> Failed to start the server: server does not exist on remote system',
    );
  },
);

test(
  'a server that ran under Wings, and whose container is gone, is started when its Panel has told of it',
  options,
  async (t) => {
    const { node } = await panelAndNode(newestFirst(t));
    const { rootDirectory } = node.config.system;
    mkdirSync(rootDirectory, { recursive: true });
    writeFileSync(join(rootDirectory, 'states.json'), JSON.stringify({ [uuid]: 'running' }));
    await node.start();
    await node.daemon.untilLine(uuid, 'Done');
    await node.running(uuid);
    await node.daemon.showsStates(uuid, ['starting', 'running']);
  },
);
