// What runs is taken over as it is: containers that Wings made, of both kinds, and our own after a boot. No process is
// restarted for it, and the console works from then on.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Flavour } from '../../src/config/config.ts';
import type { ContainerBody } from '../../src/docker/engine.ts';
import { needsDocker, testBody } from '../support/docker.ts';
import { game, LiveNode } from '../support/live-node.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 60_000 };

for (const flavour of ['pterodactyl', 'pelican'] as const) {
  test(`a container that Wings of ${flavour} started is taken over without a restart`, options, async (t) => {
    const node = await LiveNode.make(t, { change: (config) => ({ ...config, flavour }) });
    const uuid = randomUUID();
    mkdirSync(node.volume(uuid), { recursive: true });
    const { id } = await node.docker.createContainer(uuid, wingsBody(node, uuid, flavour));
    t.after(() => node.docker.removeContainer(id, { force: true }));
    await node.docker.startContainer(id);
    await until('the game is up', 10_000, async () => node.starts(uuid) === 1);
    const before = await node.docker.inspectContainer(uuid);

    await node.start();
    await node.api.create('old', node.input({ uuid, limits: { memory: 64 } }));
    const server = await node.api.untilState('old', 'running');
    assert.deepEqual([server.status?.containerId, server.status?.startedAt], [id, before?.startedAt]);
    assert.ok((await node.api.reasons('old')).includes('Adopted'));
    assert.deepEqual(node.daemon.states(uuid), ['running']);
    await until('its usage is followed', 10_000, async () => node.daemon.usages(uuid).length > 0);
    await node.daemon.type(uuid, 'hello');
    await node.daemon.untilLine(uuid, 'got hello');

    const after = await node.docker.inspectContainer(uuid);
    assert.deepEqual([after?.id, after?.startedAt], [id, before?.startedAt]);
    const stopped = await node.api.powerAndFinish('old', 'stop');
    assert.deepEqual([stopped.status?.exit?.code, stopped.status?.state], [0, 'offline']);
    assert.deepEqual(node.commands(uuid), ['hello', 'stop']);
    assert.equal(node.starts(uuid), 1);
  });
}

test('a boot brings back what ran, leaves what was off, and takes over what somebody started', options, async (t) => {
  const node = await LiveNode.make(t);
  await node.start();
  const [runs, died, removed, off, byHand] = [
    await node.addRunning('runs'),
    await node.addRunning('died'),
    await node.addRunning('removed'),
    await node.addRunning('off'),
    await node.addRunning('by-hand'),
  ];
  await node.api.powerAndFinish('off', 'stop');
  await node.api.powerAndFinish('by-hand', 'stop');
  const before = await node.docker.inspectContainer(runs);
  await node.daemon.kill();

  await node.docker.killContainer(died, 'SIGKILL');
  await node.docker.removeContainer(removed, { force: true });
  await node.docker.startContainer(byHand);
  // What another daemon of old wrote there is not ours to read.
  writeFileSync(join(node.directory, 'root', 'states.json'), 'not JSON');
  await node.start();

  for (const name of ['runs', 'died', 'removed', 'by-hand']) {
    const { status } = await node.running(name);
    assert.equal(status?.crashCount ?? 0, 0);
  }
  const after = await node.docker.inspectContainer(runs);
  assert.deepEqual([after?.id, after?.startedAt], [before?.id, before?.startedAt]);
  assert.equal((await node.api.get('off'))?.status?.state, 'offline');
  assert.deepEqual(
    [runs, died, removed, off, byHand].map((uuid) => node.starts(uuid)),
    [1, 2, 2, 1, 2],
  );
  for (const uuid of [runs, died, removed, off, byHand]) {
    assert.deepEqual(
      node.daemon.lines(uuid).filter((line) => line.includes('crash')),
      [],
    );
  }
});

test('a container of somebody else with the name of a server is left alone (covers: SEC-87)', options, async (t) => {
  const node = await LiveNode.make(t);
  const uuid = randomUUID();
  const { id } = await node.docker.createContainer(uuid, testBody(node.image, 'while true; do sleep 1; done'));
  t.after(() => node.docker.removeContainer(id, { force: true }));
  await node.docker.startContainer(id);
  await node.start();
  await node.api.create('theirs', node.input({ uuid }));
  await node.api.until('theirs', 'it is told', ({ status }) =>
    Boolean(status?.conditions?.some(({ reason }) => reason === 'ForeignContainer')),
  );
  const refused = await node.api.powerAndFinish('theirs', 'start');
  assert.equal(refused.status?.power?.outcome, 'Failed');
  await node.api.delete('theirs');
  await node.api.untilGone('theirs');
  const theirs = await node.docker.inspectContainer(uuid);
  assert.deepEqual([theirs?.id, theirs?.running], [id, true]);
});

/** The create body of Wings, field by field, but for what needs its host: passwd files, DNS, its network and its user. */
function wingsBody(node: LiveNode, uuid: string, flavour: Flavour): ContainerBody {
  const pelican = flavour === 'pelican';
  const unit = pelican ? 1_048_576 : 1_000_000;
  const memory = Math.round(64 * 1.15 * unit);
  const env = [
    'TZ=UTC',
    `STARTUP=${game()}`,
    'SERVER_MEMORY=64',
    'SERVER_IP=0.0.0.0',
    'SERVER_PORT=25565',
    `P_SERVER_UUID=${uuid}`,
  ];
  return testBody(
    node.image,
    '',
    {
      Hostname: uuid,
      Env: env,
      ExposedPorts: { '25565/tcp': {}, '25565/udp': {} },
      Labels: { Service: pelican ? 'Pelican' : 'Pterodactyl', ContainerType: 'server_process' },
    },
    {
      Mounts: [{ Type: 'bind', Source: node.volume(uuid), Target: '/home/container', ReadOnly: false }],
      Tmpfs: { '/tmp': 'rw,exec,nosuid,size=100M' },
      LogConfig: {
        Type: 'local',
        Config: { 'max-size': '5m', 'max-file': '1', compress: 'false', mode: 'non-blocking' },
      },
      CapDrop: ['setpcap', 'mknod', 'audit_write', 'net_raw', 'dac_override', 'fowner', 'fsetid'],
      Memory: memory,
      MemoryReservation: 64 * unit,
      MemorySwap: memory,
      PidsLimit: 512,
      BlkioWeight: 500,
    },
  );
}
