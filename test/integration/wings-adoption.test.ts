// From Wings to this daemon and back: a container that Wings of either kind made, attached to and started goes on as it is
// when Wings was killed and this daemon comes, and what this one leaves behind is what Wings would have left.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsDocker, request, uniqueName } from '../support/docker.ts';
import { freePorts } from '../support/free-ports.ts';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { newestFirst } from '../support/owner.ts';
import { LivePanel } from '../support/panel/live-panel.ts';
import { until } from '../support/until.ts';
import { attachAsWings, startAsWings, wingsContainer, wingsNetwork, writeStates } from '../support/wings-container.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const patienceMs = 30_000;
const ip = '127.0.0.2';

interface RawContainer {
  Id: string;
  Name: string;
  State: { StartedAt: string; Running: boolean };
  Config: Record<string, unknown> & { Labels: Record<string, string> };
  HostConfig: {
    RestartPolicy: { Name: string };
    AutoRemove: boolean;
    LogConfig: { Type: string };
    NetworkMode: string;
    Mounts: { Source: string; Target: string }[];
  };
}

for (const flavour of ['pterodactyl', 'pelican'] as const) {
  test(
    `what Wings of ${flavour} started goes on under this daemon, and what this one started goes on under Wings (containers 24.12) (covers: SEC-87)`,
    options,
    async (t) => {
      const owner = newestFirst(t);
      const name = uniqueName('nw');
      const live = await LivePanel.make(owner, {
        flavour,
        change: (config) => ({
          ...config,
          docker: {
            ...config.docker,
            network: { ...config.docker.network, name, networkMode: name, dns: ['1.1.1.1'] },
          },
          system: {
            ...config.system,
            user: {
              ...config.system.user,
              passwd: { enable: flavour === 'pelican', directory: join(config.system.rootDirectory, 'etc') },
            },
            machineId: { ...config.system.machineId, enable: flavour === 'pelican' },
          },
        }),
      });
      const { panel, node } = live;
      const networkId = await wingsNetwork(owner, name);
      const [port = 0] = await freePorts(1);
      const server = live.add({ memory: 64, allocations: [{ ip, port }] });
      const { uuid } = server;
      const idle = live.add();
      const raw = async () => JSON.parse(await request(process.env, 'GET', `/containers/${uuid}/json`)) as RawContainer;

      // Wings starts it, writes its states, and is killed. The game says something that nobody hears.
      await wingsContainer(owner, node, { uuid, flavour, network: { name, ip, port } });
      const wings = await startAsWings(uuid);
      await until('the game is up', patienceMs, async () => node.starts(uuid) === 1);
      wings.write('before\n');
      await until('it was read', patienceMs, async () => node.commands(uuid).length === 1);
      writeStates(node, { [uuid]: 'running' });
      wings.destroy();
      const before = await raw();
      await until(
        'it has run for a while',
        patienceMs,
        async () => Date.now() - Date.parse(before.State.StartedAt) > 3_000,
      );

      await node.start();
      await live.known(uuid, idle.uuid);
      const { status } = await node.running(uuid);
      assert.deepEqual([status?.containerId, status?.startedAt], [before.Id, before.State.StartedAt]);
      assert.equal(status?.needsRestart, undefined, 'what Wings made is what is wanted');
      const reasons = await node.api.reasons(uuid);
      assert.ok(reasons.includes('Adopted') && !reasons.includes('LimitsChanged'), reasons.join());
      await node.daemon.showsStates(uuid, ['running']);
      if (flavour === 'pelican') {
        await until('the Panel knows', patienceMs, async () => server.containerStatus === 'running');
        const pushes = panel.requests('POST /servers/:id/container/status').filter(({ path }) => path.includes(uuid));
        assert.equal(pushes.length, 1);
      }
      const console = await openConsole(owner, node.daemon.nodePort, uuid, panel.url);
      await console.authenticate(await consoleToken(node.config, uuid));
      console.send('send logs');
      await console.until('the past is there', () => console.lines.includes('got before'), patienceMs);
      assert.deepEqual(
        node.daemon.lines(uuid),
        [],
        'what was printed before stands in the past and is not told as news',
      );
      await live.calls.command(uuid, 'hello');
      await console.until('the game answers', () => console.lines.includes('got hello'), patienceMs);
      await until('its usage is told', patienceMs, async () => {
        const { utilization } = (await live.calls.details(uuid)) as {
          utilization: { memory_bytes: number; uptime: number };
        };
        return utilization.memory_bytes > 0 && utilization.uptime > 3_000;
      });
      const after = await raw();
      assert.deepEqual([after.Id, after.State.StartedAt], [before.Id, before.State.StartedAt]);
      await live.calls.power(uuid, 'stop');
      const stopped = await node.api.untilState(uuid, 'offline', patienceMs);
      assert.deepEqual([stopped.status?.exit?.code, stopped.status?.crashCount ?? 0], [0, 0]);
      assert.deepEqual([node.commands(uuid), node.starts(uuid)], [['before', 'hello', 'stop'], 1]);

      // Ours, and then none: Wings finds what it would have left itself.
      await live.calls.power(uuid, 'start');
      await until('the game is up again', patienceMs, async () => node.starts(uuid) === 2);
      await node.running(uuid);
      assert.equal(await node.daemon.stop(), 0);
      const ours = await raw();
      assert.equal(ours.State.Running, true);
      assert.notEqual(ours.Id, before.Id);
      const service = flavour === 'pelican' ? 'Pelican' : 'Pterodactyl';
      const { Labels: labels, ...config } = ours.Config;
      assert.equal(ours.Name, `/${uuid}`);
      assert.deepEqual([labels['Service'], labels['ContainerType']], [service, 'server_process']);
      const foreign = Object.keys(labels).filter((label) => !label.startsWith('dev.aileron/'));
      assert.deepEqual(foreign.sort(), ['ContainerType', 'Service']);
      assert.deepEqual(
        ['Tty', 'OpenStdin', 'StdinOnce', 'Hostname'].map((field) => config[field]),
        [true, true, false, uuid],
      );
      const { RestartPolicy, AutoRemove, LogConfig, NetworkMode, Mounts } = ours.HostConfig;
      assert.ok(['', 'no'].includes(RestartPolicy.Name), RestartPolicy.Name);
      assert.deepEqual([AutoRemove, LogConfig.Type, NetworkMode], [false, 'local', name]);
      assert.deepEqual(Mounts, before.HostConfig.Mounts);
      const network = JSON.parse(await request(process.env, 'GET', `/networks/${name}`)) as { Id: string };
      assert.equal(network.Id, networkId);
      const states = JSON.parse(readFileSync(join(node.config.system.rootDirectory, 'states.json'), 'utf8'));
      assert.equal(states[uuid], 'running');
      for (const state of Object.values(states)) {
        assert.ok(['offline', 'starting', 'running', 'stopping'].includes(state as string), `${state}`);
      }
      assert.equal(states[idle.uuid], 'offline');
      const log = await request(process.env, 'GET', `/containers/${uuid}/logs?stdout=1&stderr=1&tail=10`);
      assert.ok(log.includes('Done (1s)!'));

      // Wings again: it attaches, types, writes its file, and goes.
      const again = await attachAsWings(uuid);
      let heard = '';
      again.on('data', (piece) => {
        heard += piece;
      });
      again.write('again\n');
      await until('the game answers Wings', patienceMs, async () => heard.includes('got again'));
      writeStates(node, { [uuid]: 'running' });
      again.destroy();

      await node.start();
      const back = await node.running(uuid);
      assert.deepEqual([back.status?.containerId, back.status?.startedAt], [ours.Id, ours.State.StartedAt]);
      await live.calls.power(uuid, 'stop');
      const ended = await node.api.untilState(uuid, 'offline', patienceMs);
      assert.deepEqual([ended.status?.exit?.code, node.starts(uuid)], [0, 2]);
      assert.deepEqual(node.commands(uuid).slice(-2), ['again', 'stop']);
      assert.ok(existsSync(node.volume(uuid)));
    },
  );
}
