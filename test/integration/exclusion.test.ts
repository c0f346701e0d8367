// Whoever has a server has it alone: what is asked for meanwhile is refused, waits or takes over, always as this table says,
// whoever asks. Who has it and since when stands in its status, and it is free when they are done. A deletion takes it from
// everybody, in order: doors and work first, then the container, the files last.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import type { Backup } from '../../src/resources/backup.ts';
import type { Installation } from '../../src/resources/installation.ts';
import type { Restore } from '../../src/resources/restore.ts';
import type { PowerAction, Server } from '../../src/resources/server.ts';
import { ConsoleClient } from '../support/console-client.ts';
import { httpCall } from '../support/http-call.ts';
import { consoleToken } from '../support/live-console.ts';
import { ApiError } from '../support/node-client.ts';
import { fileOwner } from '../support/owner.ts';
import { DaemonRefusal } from '../support/panel/daemon-calls.ts';
import { PanelNode } from '../support/panel/panel-node.ts';
import { PanelStandIn } from '../support/panel/panel-stand-in.ts';
import { signedToken } from '../support/signed-token.ts';
import { until } from '../support/until.ts';

const patienceMs = 30_000;

type Holder = 'start' | 'stop' | 'installation' | 'backup' | 'restore';
type Wish = PowerAction | 'reinstall' | 'backup' | 'restore';
/** The status of the answer, and what it says when it is a refusal. */
type Expected = [status: number, text?: string];

const busy = 'another power action is currently being processed for this server, please try again later';
const installing = 'server is currently installing';
const restoring = 'server is currently being restored';
const powerRuns = 'Cannot execute server reinstall event while another power action is running.';
const backupRuns = 'A backup operation is already running for this server';
const restoreRuns = 'A restore operation is already running for this server';
const installRuns = 'An installation is already running for this server';
const leaves = 'this server is being deleted';

const taken: Expected = [202];
const no = (text: string): Expected => [409, text];

/** What ends the holder's work is not asked for here: see the deletions, and kills of starts and stops. */
const table: Record<Holder, Partial<Record<Wish, Expected>>> = {
  start: { start: no(busy), restart: no(busy), stop: no(busy), reinstall: no(powerRuns), backup: taken },
  stop: { start: no(busy), restart: no(busy), stop: no(busy), reinstall: no(powerRuns), backup: taken },
  installation: {
    start: no(installing),
    restart: no(installing),
    stop: no(installing),
    kill: no(installing),
    reinstall: no(installRuns),
    backup: no(installRuns),
    restore: no(installRuns),
  },
  backup: { restore: no(backupRuns), reinstall: no(backupRuns), backup: taken, start: taken },
  restore: {
    start: no(restoring),
    restart: no(restoring),
    restore: no(restoreRuns),
    reinstall: no(restoreRuns),
    backup: no(restoreRuns),
    kill: taken,
  },
};

describe('a server is somebody’s alone', { timeout: 120_000 }, () => {
  const owner = fileOwner();
  let panel: PanelStandIn;
  let node: PanelNode;
  let known: Record<Holder, Known>;
  let doomed: Record<Holder, Known>;

  before(async () => {
    panel = await PanelStandIn.start(owner);
    node = await PanelNode.make(owner, panel, (config) => ({
      ...config,
      // Archives take their time: a MiB a second.
      system: { ...config.system, backups: { ...config.system.backups, writeLimit: 1 } },
    }));
    const { docker } = node;
    docker.addImage('game:1', (process) => {
      process.print('Done\n');
      process.onInput((text) => {
        if (text === 'stop\n') process.exit(0);
      });
    });
    docker.addImage('deaf:1', (process) => process.print('Done\n'));
    // Its processes only wait.
    docker.addImage('installer:1');
    docker.pullBehaviour = async (reference, { signal }) => {
      if (reference !== 'slow:1') throw new Error('no registry answers');
      await new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    };
    const holders = Object.keys(table) as Holder[];
    [known, doomed] = [0, 1].map(() => Object.fromEntries(holders.map((holder) => [holder, add(holder)]))) as [
      typeof known,
      typeof doomed,
    ];
    await node.start();
  });

  const door = (uuid: string, path: string, method: string, body?: unknown) =>
    httpCall(node.daemon.api.port, `/api/servers/${uuid}${path}`, {
      ...{ method, headers: { authorization: `Bearer ${panel.node.token}` } },
      ...(body === undefined ? {} : { body }),
    });

  /** A server, and the uuid of an archive of it. */
  interface Known {
    uuid: string;
    kept: string;
  }

  /** Told to the node by its next start. Archives of a backup and a restore take ten seconds. */
  function add(holder: Holder): Known {
    const images: Partial<Record<Holder, string>> = { start: 'slow:1', stop: '~deaf:1' };
    const { uuid } = panel.state.addServer({ image: images[holder] ?? '~game:1' });
    const kept = randomUUID();
    const { data, backupDirectory } = node.config.system;
    const [files, archives] = [join(data, uuid), join(backupDirectory, uuid)];
    for (const directory of [files, archives]) mkdirSync(directory, { recursive: true });
    const mebibytes = holder === 'backup' || holder === 'restore' ? 10 : 0;
    writeFileSync(join(files, 'world'), randomBytes(mebibytes * 1024 * 1024));
    execFileSync('/bin/tar', ['-C', files, '-I', 'gzip -1', '-cf', join(archives, `${kept}.tar.gz`), 'world']);
    panel.state.addBackup(uuid, { uuid: kept, isSuccessful: true });
    return { uuid, kept };
  }

  /** Has the server taken up, and the holder have it. */
  async function held(holder: Holder, { uuid, kept }: Known): Promise<Server> {
    await node.api.untilState(uuid, 'offline');
    const isRunning = holder === 'stop' || holder === 'backup' || holder === 'restore';
    if (isRunning) {
      await node.api.powerAndFinish(uuid, 'start');
      await node.api.untilState(uuid, 'running');
    }
    const has = (what: string, wanted: (server: Server) => boolean) => node.api.until(uuid, what, wanted, patienceMs);
    switch (holder) {
      case 'start':
      case 'stop':
        await node.api.power(uuid, holder);
        return has('it has begun', ({ status }) => status?.operation?.action === holder);
      default: {
        assert.deepEqual(await ask(holder === 'installation' ? 'reinstall' : holder, { uuid, kept }), taken);
        const kind = { installation: 'Installation', backup: 'Backup', restore: 'Restore' }[holder];
        return has('it is taken', ({ status }) => status?.claim?.kind === kind);
      }
    }
  }

  /** Power over the kube API, which says what comes of it; the rest as the Panel does. */
  async function ask(wish: Wish, { uuid, kept }: Known): Promise<Expected> {
    const row = panel.state.servers.get(uuid) ?? assert.fail();
    const calls = panel.daemon(`http://127.0.0.1:${node.daemon.api.port}`);
    try {
      if (wish === 'reinstall') await calls.reinstall(row);
      else if (wish === 'backup') await calls.backup(panel.state, uuid);
      else if (wish === 'restore') await calls.restore(row, kept, true);
      else await node.api.power(uuid, wish);
      return [202];
    } catch (error) {
      if (error instanceof DaemonRefusal) return [error.status, (JSON.parse(error.text) as { error: string }).error];
      return refusalOf(error);
    }
  }

  /** Its work comes to its end, or is called off. */
  async function end(holder: Holder, uuid: string): Promise<void> {
    const { docker } = node;
    if (holder === 'start') await node.api.power(uuid, 'kill');
    if (holder === 'stop') docker.exit(uuid, 0);
    if (holder === 'installation') {
      await until('the installer runs', patienceMs, async () => docker.inspectContainer(`${uuid}_installer`));
      docker.exit(`${uuid}_installer`, 0);
    }
    await until('nothing of it is under way', patienceMs, async () => {
      const running = (await door(uuid, '/backup/operations', 'GET')).json() as {
        operations: { backup_id: string }[];
      };
      for (const { backup_id } of running.operations) await door(uuid, `/backup/${backup_id}/cancel`, 'DELETE');
      return running.operations.length === 0;
    });
  }

  for (const [holder, wishes] of Object.entries(table) as [Holder, (typeof table)[Holder]][]) {
    test(`while a ${holder} has it (covers: SEC-118)`, async () => {
      const { uuid } = known[holder];
      const server = await held(holder, known[holder]);
      const { claim, operation } = server.status ?? {};
      const since = Date.parse(claim?.since ?? operation?.startedAt ?? '');
      assert.ok(Date.now() - since < patienceMs, 'since when');
      if (claim) assert.ok(claim.name && claim.uid, 'who');
      else assert.deepEqual([operation?.cause, operation?.request], ['Request', server.spec.power.request?.id]);
      for (const [wish, expected] of Object.entries(wishes) as [Wish, Expected][])
        assert.deepEqual(await ask(wish, known[holder]), expected, wish);
      const now = await node.api.get(uuid);
      if (claim) assert.equal(now?.status?.claim?.uid, claim.uid, 'it is still theirs');
      await end(holder, uuid);
      await node.api.until(uuid, 'it is free', ({ status }) => !status?.claim && !status?.operation, patienceMs);
    });
  }

  for (const holder of ['stop', 'installation', 'backup', 'restore'] as const) {
    test(`a deletion takes it from a ${holder}: doors and work first, the files last (covers: SEC-118)`, async () => {
      const { uuid, kept } = doomed[holder];
      await held(holder, doomed[holder]);
      if (holder === 'installation')
        await until('the installer runs', patienceMs, async () => node.docker.inspectContainer(`${uuid}_installer`));
      const client = await ConsoleClient.open({ port: node.daemon.api.port, uuid, origin: panel.url });
      await client.authenticate(await consoleToken(node.config, uuid));
      const link = () => {
        const iat = Math.floor(Date.now() / 1000);
        const claims = { iat, exp: iat + 900, jti: 'x', server_uuid: uuid, user_uuid: randomUUID(), backup_uuid: kept };
        return `/download/backup?token=${signedToken({ ...claims, unique_id: randomUUID() }, panel.node.token)}`;
      };
      const [unused, again] = [link(), link()];
      assert.equal((await httpCall(node.daemon.api.port, unused)).status, 200);

      // The first container that is to go stays for a while.
      const removal = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      node.docker.before = async (method) => {
        if (method !== 'removeContainer') return;
        removal.resolve();
        await goOn.promise;
      };
      assert.equal((await door(uuid, '', 'DELETE')).status, 204);
      await removal.promise;
      assert.deepEqual(await client.untilClosed(patienceMs), { code: 1000, reason: 'server deleted' });
      assert.equal((await httpCall(node.daemon.api.port, again)).status, 404);
      assert.equal((await door(uuid, '/power', 'POST', { action: 'start' })).status, 404);
      for (const kind of ['Backup', 'Installation']) assert.deepEqual(await declared(kind, uuid), no(leaves), kind);
      // An installer is what an installation has: it ends with it.
      if (holder !== 'installation') assert.deepEqual(await unfinished(uuid), []);
      const { data, backupDirectory } = node.config.system;
      assert.ok(
        existsSync(join(data, uuid, 'world')) && existsSync(join(backupDirectory, uuid)),
        'the files are there',
      );

      goOn.resolve();
      node.docker.before = () => {};
      await node.api.untilGone(uuid, patienceMs);
      assert.deepEqual([existsSync(join(data, uuid)), existsSync(join(backupDirectory, uuid))], [false, false]);
      for (const name of [uuid, `${uuid}_installer`])
        assert.equal(await node.docker.inspectContainer(name), undefined, name);
      await until('its work has ended', patienceMs, async () => (await unfinished(uuid)).length === 0);
    });
  }

  /** What the kube API answers to somebody who declares an operation. */
  async function declared(kind: string, uuid: string): Promise<Expected> {
    const script = kind === 'Installation' ? { script: { image: 'x', entrypoint: 'sh', script: '' } } : {};
    try {
      await node.api.call('POST', `/apis/aileron.dev/v1/${kind.toLowerCase()}s`, {
        ...{ apiVersion: 'aileron.dev/v1', kind, metadata: { name: `of-${randomUUID()}` } },
        spec: { serverRef: { name: uuid }, ...script },
      });
      return [201];
    } catch (error) {
      return refusalOf(error);
    }
  }

  /** Names of operations of the server that go on. */
  async function unfinished(uuid: string): Promise<string[]> {
    const lists = await Promise.all(
      ['backups', 'restores', 'installations'].map((plural) => node.api.call('GET', `/apis/aileron.dev/v1/${plural}`)),
    );
    return (lists as { items: (Backup | Restore | Installation)[] }[])
      .flatMap(({ items }) => items)
      .filter(({ spec, status }) => spec.serverRef.uuid === uuid && !status?.completedAt)
      .map(({ metadata }) => metadata.name);
  }
});

/** Without the name of the object. @throws what is no refusal */
function refusalOf(error: unknown): Expected {
  if (!(error instanceof ApiError)) throw error;
  const text = String(error.status['message']);
  return [error.code, text.slice(text.indexOf('": ') + 3)];
}
