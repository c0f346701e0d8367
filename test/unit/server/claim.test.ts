// A server that a restore, a backup or its own deletion has claimed: what becomes of its process, and of the claim.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import type { Server, ServerSpec, ServerStatus } from '../../../src/resources/server.ts';
import {
  type Claimant,
  demandStop,
  releaseClaim,
  releaseClaimAndResume,
  takeClaim,
} from '../../../src/runtime/claims.ts';
import { mutateStatus } from '../../../src/runtime/status.ts';
import { anyUuid, FakeNode, gameImage } from '../../support/fake-node.ts';

const restore: Claimant & { kind: 'Restore' } = { kind: 'Restore', name: 'r', uid: '' };

interface Held {
  node: FakeNode;
  uid: string;
}

/** Prints that it is up; ends `stopMs` after it was told, or never. */
async function held(
  t: TestContext,
  {
    state = 'running',
    stopMs = 0,
    spec = {},
  }: { state?: 'running' | 'offline'; stopMs?: number; spec?: Partial<ServerSpec> } = {},
): Promise<Held> {
  const node = new FakeNode(t);
  node.docker.addImage(gameImage, (process) => {
    process.print('Done\n');
    process.onInput((text) => {
      if (text === 'stop\n' && stopMs < Number.POSITIVE_INFINITY) node.clock.after(stopMs, () => process.exit(0));
    });
  });
  await node.start();
  await node.add({ spec: { image: `~${gameImage}`, ...spec } });
  await node.untilState('offline');
  if (state === 'running') {
    await node.requestAndFinish('start');
    await node.untilState('running');
  }
  const { metadata } = await node.store.create({
    apiVersion: 'aileron.dev/v1',
    kind: 'Restore',
    metadata: { name: 'r' },
  });
  await takeClaim(node, 'demo', { ...restore, uid: metadata.uid });
  node.lines = [];
  node.reasons = [];
  return { node, uid: metadata.uid };
}

const stopped = ({ node }: Held): Promise<Server> =>
  node.until('the process is stopped for it', (server) => server?.status?.claim?.stopped && server);

test('a start that was admitted before the claim is refused in the words of the protocol (backups 15.13)', async (t) => {
  const { node } = await held(t, { state: 'offline' });
  const server = await node.requestAndFinish('start');
  assert.deepEqual(
    [server.status?.power?.outcome, server.status?.power?.message, server.status?.state],
    ['Refused', 'server is currently being restored', 'offline'],
  );
});

test('a running server is stopped by its rule once the restore needs it to be (backups 15.13)', async (t) => {
  const was = await held(t);
  await was.node.settle();
  assert.equal((await was.node.server())?.status?.state, 'running');
  await demandStop(was.node.store, 'demo', was.uid, true);
  const server = await stopped(was);
  assert.deepEqual([server.status?.state, server.status?.exit?.reason], ['offline', 'Stopped']);
  assert.equal(server.status?.claim?.wasOnline, true);
  assert.deepEqual(was.node.lines, ['stop']);
});

test('a process that does not stop is killed after two minutes (backups 15.13)', async (t) => {
  const was = await held(t, { stopMs: Number.POSITIVE_INFINITY });
  const { clock } = was.node;
  const before = clock.monotonic();
  await demandStop(was.node.store, 'demo', was.uid, true);
  const server = await stopped(was);
  assert.equal(server.status?.exit?.reason, 'Killed');
  const seconds = (clock.monotonic() - before) / 1000;
  assert.ok(seconds >= 120 && seconds < 140, `${seconds} s`);
});

test('a requested stop under way is held to the same two minutes, and typed once (backups 15.13)', async (t) => {
  const was = await held(t, { stopMs: Number.POSITIVE_INFINITY });
  const { node } = was;
  const request = await node.request('stop');
  await node.untilState('stopping');
  const before = node.clock.monotonic();
  await demandStop(node.store, 'demo', was.uid, true);
  const server = await stopped(was);
  assert.ok(node.clock.monotonic() - before < 140_000);
  assert.deepEqual([server.status?.power?.finishedRequest, server.status?.power?.outcome], [request, 'Succeeded']);
  assert.equal(server.status?.claim?.wasOnline, undefined);
  assert.equal(node.lines.filter((line) => line === 'stop').length, 1);
});

test('a server stopped for a restore that came to nothing is started again', async (t) => {
  const was = await held(t);
  const { node, uid } = was;
  await demandStop(node.store, 'demo', uid, true);
  await stopped(was);
  assert.equal(await releaseClaimAndResume(node, 'demo', uid), true);
  await node.untilState('running');
});

test('one that was restored stays offline', async (t) => {
  const was = await held(t, { spec: { restartPolicy: 'Always' } });
  const { node, uid } = was;
  await demandStop(node.store, 'demo', uid, true);
  await stopped(was);
  await releaseClaim(node.store, 'demo', uid);
  await node.settle();
  await node.clock.advance(600_000);
  await node.settle();
  assert.equal((await node.server())?.status?.state, 'offline');
});

test('one that somebody stopped meanwhile stays offline', async (t) => {
  const was = await held(t);
  const { node, uid } = was;
  await demandStop(node.store, 'demo', uid, true);
  await stopped(was);
  await node.requestAndFinish('stop');
  await releaseClaimAndResume(node, 'demo', uid);
  await node.settle();
  assert.equal((await node.server())?.status?.state, 'offline');
});

test('one that was suspended meanwhile stays offline (covers: SEC-100)', async (t) => {
  const was = await held(t);
  const { node, uid } = was;
  await demandStop(node.store, 'demo', uid, true);
  await stopped(was);
  await node.store.patch('Server', 'demo', { spec: { suspended: true } });
  await releaseClaimAndResume(node, 'demo', uid);
  await node.settle();
  const server = await node.server();
  assert.deepEqual([server?.spec.suspended, server?.status?.state], [true, 'offline']);
});

test('nothing is released while the process is being stopped', async (t) => {
  const was = await held(t, { stopMs: 5_000 });
  const { node, uid } = was;
  await demandStop(node.store, 'demo', uid, true);
  await node.untilState('stopping');
  assert.equal(await releaseClaimAndResume(node, 'demo', uid), false);
  assert.equal((await node.server())?.status?.claim?.uid, uid);
});

test('a server that crashes during a restore is started after it, not in it', async (t) => {
  const was = await held(t);
  const { node, uid } = was;
  node.docker.exit(anyUuid, 3);
  await node.untilState('offline');
  await node.settle();
  await node.clock.advance(60_000);
  await node.settle();
  assert.equal((await node.server())?.status?.state, 'offline');
  await releaseClaim(node.store, 'demo', uid);
  await node.untilState('running');
});

test('a server that an outage ended is not started before the restore has ended', async (t) => {
  const was = await held(t);
  const { node, uid } = was;
  await node.stop();
  node.docker.exit(anyUuid, 137);
  await node.restart();
  await node.settle();
  assert.equal(node.docker.calls > 0 && node.states.includes('starting'), false);
  await releaseClaim(node.store, 'demo', uid);
  await node.untilState('running');
});

test('a claim of something that is gone or at its end is released (covers: SEC-118)', async (t) => {
  const was = await held(t, { state: 'offline' });
  const { node } = was;
  await mutateStatus(node.store, 'Restore', 'r', (status) => {
    (status as Record<string, unknown>)['phase'] = 'Failed';
  });
  await node.request('start');
  await node.untilState('running');
  assert.equal((await node.server())?.status?.claim, undefined);
});

test('deletion waits for what claims the server, ten seconds at most (backups 15.14, covers: SEC-118)', async (t) => {
  const was = await held(t, { state: 'offline', spec: { reclaimPolicy: 'Delete' } });
  const { node } = was;
  const staging = join(node.config.system.data, '.restore', anyUuid, 'aaaaaaaa');
  mkdirSync(staging, { recursive: true });
  const before = node.clock.monotonic();
  await node.store.delete('Server', 'demo');
  await node.until('it has the server to itself', (server) => !server || server.status?.claim?.kind === 'Server');
  const seconds = (node.clock.monotonic() - before) / 1000;
  assert.ok(seconds >= 10 && seconds < 12, `${seconds} s`);
  await node.until('it is gone', (server) => server === undefined);
  assert.equal(existsSync(join(staging, '..')), false);
});

const replacing = { phase: 'Extracting', journal: { step: 'Extracting' } };

async function heldByReplacing(t: TestContext, reclaimPolicy: 'Retain' | 'Delete'): Promise<Held> {
  const was = await held(t, { state: 'offline', spec: { reclaimPolicy } });
  await was.node.store.patch('Restore', 'r', { spec: { serverRef: { name: 'demo', uuid: anyUuid } } });
  await mutateStatus(was.node.store, 'Restore', 'r', (status) => Object.assign(status, replacing));
  return was;
}

test('a server whose files stay is not gone before a restore has replaced all of them, nor is its claim', async (t) => {
  const was = await heldByReplacing(t, 'Retain');
  const { node, uid } = was;
  await node.store.delete('Server', 'demo');
  for (let minutes = 0; minutes < 10; minutes += 1) {
    await node.clock.advance(60_000);
    await node.settle();
  }
  assert.equal((await node.server())?.status?.claim?.uid, uid);
  assert.equal(node.reasons.filter((reason) => reason === 'WaitingForRestore').length, 1);
  await mutateStatus(node.store, 'Restore', 'r', (status) => Object.assign(status, { journal: { step: 'Done' } }));
  await node.until('it is gone', (server) => server === undefined);
});

test('nor is it when something else has the claim by then', async (t) => {
  const { node, uid } = await heldByReplacing(t, 'Retain');
  await releaseClaim(node.store, 'demo', uid);
  await node.store.delete('Server', 'demo');
  await node.clock.advance(60_000);
  await node.settle();
  assert.equal((await node.server())?.status?.claim?.kind, 'Server');
  await node.store.delete('Restore', 'r');
  await node.until('it is gone', (server) => server === undefined);
});

test('one whose files go too does not wait for that', async (t) => {
  const { node } = await heldByReplacing(t, 'Delete');
  const before = node.clock.monotonic();
  await node.store.delete('Server', 'demo');
  await node.until('it has the server to itself', (server) => !server || server.status?.claim?.kind === 'Server');
  const seconds = (node.clock.monotonic() - before) / 1000;
  assert.ok(seconds < 12, `${seconds} s`);
  await node.until('it is gone', (server) => server === undefined);
});

test('deletion goes on as soon as the claim is released', async (t) => {
  const was = await held(t, { state: 'offline' });
  const { node, uid } = was;
  const before = node.clock.monotonic();
  await node.store.delete('Server', 'demo');
  await node.clock.advance(500);
  await releaseClaim(node.store, 'demo', uid);
  await node.until('it is gone', (server) => server === undefined);
  // Without the release it waits ten seconds.
  assert.ok(node.clock.monotonic() - before < 9_500);
});

test('a start that is decided as the claim is taken is not recorded', async (t) => {
  const { node, uid } = await held(t, { state: 'offline' });
  await releaseClaim(node.store, 'demo', uid);
  const write = node.store.updateStatus.bind(node.store);
  let claimed = false;
  node.store.updateStatus = async (object) => {
    const { operation } = object['status'] as ServerStatus;
    if (!claimed && operation?.action === 'start') {
      claimed = true;
      await takeClaim(node, 'demo', { ...restore, uid });
      await demandStop(node.store, 'demo', uid, true);
    }
    return write(object);
  };
  const server = await node.requestAndFinish('start');
  assert.equal(server.status?.power?.outcome, 'Refused');
  assert.equal(server.status?.power?.observedRequest, undefined);
});

test('what a restore brought back is counted when it has ended', async (t) => {
  const node = new FakeNode(t);
  node.config.system.diskCheckInterval = 600;
  await node.start();
  await node.add();
  await node.untilState('offline');
  const { metadata } = await node.store.create({
    apiVersion: 'aileron.dev/v1',
    kind: 'Restore',
    metadata: { name: 'r' },
  });
  await takeClaim(node, 'demo', { ...restore, uid: metadata.uid });
  const volume = join(node.config.system.data, anyUuid);
  mkdirSync(volume, { recursive: true });
  writeFileSync(join(volume, 'world'), Buffer.alloc(12_345));
  await releaseClaim(node.store, 'demo', metadata.uid);
  await node.until('its files are counted', (server) => server?.status?.diskBytes === 12_345);
});
