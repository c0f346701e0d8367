// Installers that no Installation speaks of: which are taken over, which removed, and which are nobody's business.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Leftovers } from '../../../controllers/installation/leftovers.ts';
import type { Installation } from '../../../src/resources/installation.ts';
import type { Server } from '../../../src/resources/server.ts';
import { releaseClaim } from '../../../src/runtime/claims.ts';
import { Informer } from '../../../src/runtime/informer.ts';
import { anyUuid } from '../../support/builders.ts';
import { testBody } from '../../support/docker.ts';
import { InstallationBench, installerImage } from '../../support/installation-bench.ts';

const wings = { Service: 'Pterodactyl', ContainerType: 'server_installer' };
const strangerUuid = '5d0ec9cd-8b34-4ea8-9c5a-7e0b5ac6f3d1';

async function leave(bench: InstallationBench, labels: Record<string, string>, uuid = anyUuid): Promise<string> {
  const body = testBody(installerImage, 'true', { Labels: labels, Cmd: ['ash', '/mnt/install/install.sh'] });
  const { id } = await bench.docker.createContainer(`${uuid}_installer`, body);
  await bench.docker.startContainer(id);
  return id;
}

async function installations(bench: InstallationBench): Promise<Installation[]> {
  return (await bench.store.list<Installation>('Installation')).items;
}

test('one of Wings is taken over in the name of the server’s owner, once Docker answers', async (t) => {
  const bench = new InstallationBench(t, {
    scripts: { refresh: async () => assert.fail('asked'), fetch: async () => assert.fail('asked') },
  });
  const owner = { kind: 'Panel', ref: 'https://panel.example' } as const;
  await bench.add({ spec: { owner } });
  const id = await leave(bench, wings);
  bench.docker.print(`${anyUuid}_installer`, 'begun\n');
  bench.docker.setReachable(false);
  await bench.start();
  await bench.advance(5_000);
  assert.deepEqual(await installations(bench), []);
  bench.docker.setReachable(true);
  // Long before the look after half a minute.
  const before = bench.clock.monotonic();
  await bench.until('it is taken over', async () => (await installations(bench))[0]?.status?.phase === 'Running');
  assert.ok(bench.clock.monotonic() - before < 15_000);
  const [{ metadata, spec }] = (await installations(bench)) as [Installation];
  assert.deepEqual([spec.owner, spec.reinstall, spec.adoptContainerId], [owner, true, id]);
  bench.docker.exit(`${anyUuid}_installer`, 4);
  const { status } = await bench.untilPhase(metadata.name, 'Completed');
  assert.equal(status?.exitCode, 4);
  assert.deepEqual(await installations(bench).then(({ length }) => length), 1);
});

test('one whose Installation has ended is removed (covers: SEC-82)', async (t) => {
  const bench = new InstallationBench(t);
  await bench.add();
  await bench.start();
  await bench.install('first', { skip: true });
  const { metadata } = await bench.untilPhase('first', 'Completed');
  await bench.stop();
  const id = await leave(bench, { ...wings, 'dev.aileron/installation': metadata.uid });
  await bench.start();
  await bench.until('it is gone', async () => (await bench.docker.inspectContainer(id)) === undefined);
  assert.equal((await installations(bench)).length, 1);
});

test('what belongs to others is left alone (covers: SEC-87)', async (t) => {
  for (const [labels, uuid] of [
    [{ ...wings, 'dev.aileron/node-name': 'other' }, anyUuid],
    [{ ...wings, Service: 'Somebody' }, anyUuid],
    [wings, strangerUuid],
  ] as const) {
    const bench = new InstallationBench(t);
    await bench.add();
    const id = await leave(bench, labels, uuid);
    await bench.start();
    await bench.advance(5_000);
    assert.deepEqual(await installations(bench), []);
    assert.equal((await bench.docker.inspectContainer(id))?.running, true);
    await bench.stop();
  }
});

test('who takes one over has the server from that moment, before its controller has heard of it', async (t) => {
  const bench = new InstallationBench(t);
  await bench.add();
  await leave(bench, wings);
  const { clock, store, docker, admission, log } = bench;
  const servers = new Informer<Server>({
    ...{ store, kind: 'Server', clock, log },
    indexes: { uuid: ({ spec }) => [spec.uuid ?? ''] },
  });
  servers.start();
  await servers.synced();
  const feed = { onReachable: () => () => {} };
  const look = async () => {
    const leftovers = new Leftovers({ store, docker, admission, servers, feed, nodeName: 'node-1', clock, log });
    leftovers.start();
    await bench.until('it has looked', () => !leftovers.pending);
    await leftovers.stop();
  };
  await look();
  const [adopted] = await installations(bench);
  assert.equal((await bench.server())?.status?.claim?.uid, adopted?.metadata.uid);
  // A crash came in between.
  await releaseClaim(store, 'demo', adopted?.metadata.uid ?? '');
  await look();
  assert.equal((await bench.server())?.status?.claim?.uid, adopted?.metadata.uid);
  await servers.stop();
});
