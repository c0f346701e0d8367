// Backups and restores on the console socket as a front end meets them, over real connections; what the controllers would
// say is said on the bus.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { anyUuid } from '../support/builders.ts';
import type { ConsoleClient } from '../support/console-client.ts';
import { asAdministrator, ConsoleNode, type ConsoleNodeOptions } from '../support/console-node.ts';
import { aCompletion, aProgress, backupUuid } from '../support/operation-messages.ts';
import { checkProgressStream, checkWithoutBackupRead, recordFrames } from '../support/progress-stream.ts';

const player = ['websocket.connect', 'control.console'];

interface Bench {
  node: ConsoleNode;
  progress(parts?: Parameters<typeof aProgress>[0]): void;
  complete(parts?: Parameters<typeof aCompletion>[0]): void;
}

async function bench(t: TestContext, options: ConsoleNodeOptions = {}): Promise<Bench> {
  const node = await ConsoleNode.start(t, options);
  await node.add();
  await node.moveTo('starting');
  await node.moveTo('running');
  return {
    node,
    progress: (parts) => node.bus.publish(anyUuid, 'progress', aProgress(parts)),
    complete: (parts) => node.bus.publish(anyUuid, 'completion', aCompletion(parts)),
  };
}

const untilEnd = (client: ConsoleClient) =>
  client.until('the state returns', () => client.all('server_status').join() === 'running,backup,running');

test('a backup of a running server, for who may read backups and for who may not (websocket 17.18) (covers: SEC-48)', async (t) => {
  const { node, progress, complete } = await bench(t);
  const [owner, other] = [await node.login(), await node.login({ permissions: player })];
  const [seen, seenByOther] = [recordFrames(owner), recordFrames(other)];
  progress({ phase: 'queued' });
  progress();
  progress({ phase: 'finalize', percentage: 99, bytesWritten: 10, bytesTotal: 10 });
  progress({ phase: 'finalize', percentage: 100, bytesWritten: 10, bytesTotal: 10 });
  complete();
  await untilEnd(owner);
  await untilEnd(other);
  const expected = { type: 'create', backupId: backupUuid, outcome: 'success' } as const;
  checkProgressStream(seen, expected);
  checkWithoutBackupRead(seenByOther, expected);
  assert.deepEqual(
    seenByOther.map(({ event, args }) => [event, args[0]]),
    [
      ['server_status', 'backup'],
      ['server_status', 'running'],
    ],
  );
  assert.deepEqual(owner.all('status'), ['running']);
});

test('a restore keeps its sockets, and its end reaches everybody (websocket 17.8, 17.17) (covers: SEC-48)', async (t) => {
  const { node, progress, complete } = await bench(t);
  const owner = await node.login();
  const other = await node.login({ permissions: player });
  const administrator = await node.login({ permissions: asAdministrator });
  const [seen, seenByOther, seenByAdministrator] = [owner, other, administrator].map(recordFrames);
  progress({ type: 'restore', phase: 'stopping' });
  await node.moveTo('stopping');
  await node.moveTo('offline');
  progress({ type: 'restore', bytesTotal: 10 });
  node.bus.publish(anyUuid, 'restoring', { path: 'world/level.dat' });
  await other.authenticate(await node.token({ permissions: player }));
  const stats = other.count('stats');
  other.send('send stats');
  await other.until('figures', () => other.count('stats') > stats);
  progress({ type: 'restore', phase: 'finalize', percentage: -1, bytesTotal: 10 });
  complete({ type: 'restore', successful: false, error: 'The archive is damaged.' });
  const expected = { type: 'restore', backupId: backupUuid, outcome: 'failure' } as const;
  for (const client of [owner, other, administrator]) {
    await client.until(
      'the end',
      () => client.all('server_status').at(-1) === 'offline' && client.count('backup restore completed') > 0,
    );
    await client.settled();
  }
  checkProgressStream(seen ?? [], expected);
  checkProgressStream(seenByAdministrator ?? [], { ...expected, seesErrors: true });
  checkWithoutBackupRead(seenByOther ?? [], expected);
  assert.equal(other.closed, undefined);
});

test('a reload shows what runs and how far it is; a renewed token repeats nothing', async (t) => {
  const { node, progress } = await bench(t);
  const early = await node.login();
  progress({ operation: 'r', type: 'restore', percentage: 30 });
  progress({ percentage: 20 });
  progress({ operation: 'q', phase: 'queued' });
  progress({ percentage: 40 });
  const late = await node.login();
  await late.settled();
  assert.deepEqual(late.events, [
    ...['auth success', 'status', 'server_status'],
    ...[
      'restore_progress',
      'backup progress',
      'backup_progress',
      'backup progress',
      'backup_progress',
      'backup progress',
    ],
  ]);
  assert.deepEqual(late.all('server_status'), ['restore']);
  assert.deepEqual(
    late.all('backup_progress').map((json) => (JSON.parse(json ?? '') as { percentage: number }).percentage),
    [40, 0],
  );
  const other = await node.login({ permissions: player });
  await other.settled();
  assert.deepEqual(other.events, ['auth success', 'status', 'server_status']);
  const before = early.messages.length;
  await early.settled();
  await early.authenticate(await node.token());
  await early.settled();
  assert.deepEqual(early.events.slice(before), ['auth success']);
});

test('an operation that began in the silence of an old token is told after it', async (t) => {
  const { node, progress } = await bench(t);
  const client = await node.login({ ttlSeconds: 10 });
  await node.pass(11_000, client);
  progress();
  const before = client.messages.length;
  await client.authenticate(await node.token());
  await client.settled();
  const events = client.events.slice(before).filter((event) => event !== 'jwt error');
  assert.deepEqual(events, ['auth success', 'status', 'server_status', 'backup_progress', 'backup progress']);
  assert.deepEqual(client.all('server_status'), ['running', 'backup']);
});

test('before a token nothing of it is seen (covers: SEC-48)', async (t) => {
  const { node, progress, complete } = await bench(t);
  const client = await node.connect();
  progress();
  complete();
  progress({ type: 'restore' });
  complete({ type: 'restore' });
  await client.settled();
  assert.deepEqual(client.messages, []);
});

test('a slow reader of a flood of progress misses only what is outdated, others nothing (websocket 17.20)', async (t) => {
  const { node, progress, complete } = await bench(t, { yaml: 'throttles: { enabled: false }\n' });
  const [slow, quick] = [await node.login(), await node.login()];
  slow.socket.pause();
  for (let index = 0; index < 20_000; index++) {
    node.print('x'.repeat(1_000));
    if (index % 100 === 0) await turn();
  }
  const count = 10_000;
  for (let step = 1; step <= count; step++) {
    for (const operation of ['one', 'other']) {
      progress({ operation, backupId: operation, percentage: Math.floor((99 * step) / count), bytesWritten: step });
    }
    if (step % 100 === 0) await turn();
  }
  for (const operation of ['one', 'other']) {
    progress({ operation, backupId: operation, percentage: 100, bytesWritten: count });
    complete({ operation, backupId: operation });
  }
  await quick.until('the end', () => quick.count('backup_restore_completed') === 2, 30_000);
  assert.equal(quick.count('backup_progress'), 2 * count + 2);
  slow.socket.resume();
  await slow.until('the end', () => slow.all('server_status').at(-1) === 'running', 30_000);
  await slow.settled();
  assert.ok(slow.count('backup_progress') < count, `${slow.count('backup_progress')} of ${2 * count}`);
  for (const operation of ['one', 'other']) {
    for (const name of ['backup_progress', 'backup progress']) {
      const last = slow.all(name).findLast((json) => json?.includes(`"backup_id":"${operation}"`));
      assert.match(last ?? '', /"percentage":100/, `the newest of ${name} of ${operation}`);
    }
    assert.equal(slow.count(`backup completed:${operation}`), 1);
  }
  assert.equal(slow.count('backup_restore_completed'), 2);
  assert.deepEqual(slow.all('server_status'), ['running', 'backup', 'backup', 'running']);
});

test('the options of the configuration decide over the additions', async (t) => {
  const yaml = 'websocket: { fork_events: false, fork_status: true }\n';
  const { node, progress, complete } = await bench(t, { yaml });
  const client = await node.connect();
  await client.authenticate(await node.token());
  progress();
  complete();
  await client.until('the end', () => client.all('status').at(-1) === 'running' && client.count('status') > 1);
  assert.deepEqual(client.events, [
    ...['auth success', 'status', 'status', `backup completed:${backupUuid}`, 'backup completed', 'status'],
  ]);
  assert.deepEqual(client.all('status'), ['running', 'backup', 'running']);
});
