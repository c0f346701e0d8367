// The file system of the state fills up under running games. They go on, the API says what is wrong, nothing that was
// accepted is lost, and with space back the node does what it is asked again, without a restart.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { needsDocker, uniqueName } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';
import { ApiError } from '../support/node-client.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 90_000 };
const name = 'game';

test('a full state directory ends no game, is told, and is got over', options, async (t) => {
  const state = smallFileSystem(t);
  if (!state) return;
  const node = await LiveNode.make(t, { aileron: { store: { path: join(state, 'store.db') } } });
  await node.start();
  const uuid = await node.addRunning(name);
  const before = await node.docker.inspectContainer(uuid);
  const kept = await node.api.get(name);
  const free = fill(state);

  const refusal = await refused(node);
  assert.equal(refusal.code, 503);
  assert.match(String(refusal.status['message']), /file system of the state is full/);
  assert.deepEqual((await node.api.get(name))?.spec, kept?.spec);
  const during = await node.docker.inspectContainer(uuid);
  assert.deepEqual([during?.id, during?.startedAt], [before?.id, before?.startedAt]);

  // What happens to the game meanwhile is made up for later.
  await node.docker.killContainer(uuid, 'SIGKILL');
  await until('the daemon says why it cannot note that', 10_000, async () => node.daemon.log.some(tellsOfFullDisk));
  assert.ok(node.daemon.running);
  free();

  const again = await node.api.until(
    name,
    'the crash is answered',
    ({ status }) => status?.crashCount === 1 && status.state === 'running',
    40_000,
  );
  assert.notEqual(again.status?.containerId, before?.id);
  assert.equal(node.starts(uuid), 2);
  const server = await node.api.powerAndFinish(name, 'stop');
  assert.equal(server.status?.exit?.code, 0);
  await node.daemon.stop();
  await node.start();
  assert.deepEqual((await node.api.get(name))?.spec, server.spec);
});

test('killed with a full state directory, the next daemon takes the games up and goes on', options, async (t) => {
  const state = smallFileSystem(t);
  if (!state) return;
  const node = await LiveNode.make(t, { aileron: { store: { path: join(state, 'store.db') } } });
  await node.start();
  const uuid = await node.addRunning(name);
  const before = await node.docker.inspectContainer(uuid);
  const free = fill(state);
  await refused(node);
  await node.killAndStart();
  assert.equal((await node.api.get(name))?.status?.state, 'running');
  free();
  const server = await node.api.powerAndFinish(name, 'stop');
  assert.deepEqual([server.status?.exit?.code, server.status?.containerId], [0, before?.id]);
  assert.equal(node.starts(uuid), 1);
});

function tellsOfFullDisk(line: string): boolean {
  return line.includes('file system of the state is full');
}

/** Writes until one is refused. */
async function refused(node: LiveNode): Promise<ApiError> {
  for (let n = 0; n < 200; n++) {
    try {
      await node.api.patch(name, { metadata: { annotations: { [`test/filler-${n}`]: 'x'.repeat(1_000) } } });
    } catch (error) {
      if (error instanceof ApiError) return error;
      throw error;
    }
  }
  throw new Error('every write was taken');
}

/** A file system of 4 MiB; undefined (and the test skipped by name) where one may not be mounted. */
function smallFileSystem(t: TestContext): string | undefined {
  const directory = join(tmpdir(), uniqueName('aileron-state'));
  mkdirSync(directory);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=700', 'tmpfs', directory], { stdio: 'pipe' });
  } catch {
    rmSync(directory, { recursive: true });
    t.skip('needs root');
    return undefined;
  }
  t.after(() => {
    execFileSync('umount', ['-l', directory], { stdio: 'pipe' });
    rmSync(directory, { recursive: true });
  });
  return directory;
}

/** Takes all space. The returned function gives it back. */
function fill(directory: string): () => void {
  const filler = join(directory, 'filler');
  const { bavail, bsize } = statfsSync(directory);
  const noSpaceLeft = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOSPC';
  // More than there is, for the daemon writes too.
  assert.throws(() => writeFileSync(filler, Buffer.alloc((bavail + 1) * bsize)), noSpaceLeft);
  return () => rmSync(filler);
}
