// A server that a Panel makes, on a real engine, from its request to its first start: the script of the Panel runs in a
// container of its own, what it prints is seen and kept, what it writes is the server's, and the Panel's table is true.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Flavour } from '../../src/config/config.ts';
import { ConsoleClient } from '../support/console-client.ts';
import { needsDocker } from '../support/docker.ts';
import { installer, inVolume, scriptDirectoryOf } from '../support/installations.ts';
import { consoleToken } from '../support/live-console.ts';
import { newestFirst, type Owner } from '../support/owner.ts';
import { LivePanel } from '../support/panel/live-panel.ts';
import type { PanelServer } from '../support/panel/panel-state.ts';
import type { RecordParts } from '../support/panel/server-record.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 180_000 };
const patienceMs = 30_000;

/** Whose the files of servers are; nobody of this machine. */
const user = 15_000;

/** Waits for a file, so that somebody can look on. */
const waits = 'while [ ! -e /mnt/server/go ]; do sleep 0.05; done';

async function aNode(owner: Owner, flavour: Flavour): Promise<LivePanel> {
  return LivePanel.make(owner, {
    flavour,
    change: ({ system, ...config }) => ({
      ...config,
      system: { ...system, checkPermissionsOnBoot: true, user: { ...system.user, uid: user, gid: user } },
    }),
  });
}

/** A row of the Panel that nobody has told the node of. */
function aServer(live: LivePanel, script: string | null, parts: Partial<RecordParts> = {}): PanelServer {
  const row = live.add({ environment: { GREETING: 'hello', PLAYERS: 5 }, ...parts });
  row.install = { container_image: `~${live.node.image}`, entrypoint: 'sh', script };
  return row;
}

/** What an earlier daemon left busy was set free. */
async function started({ node, panel }: LivePanel): Promise<void> {
  await node.start();
  await until('the reset came', patienceMs, async () => panel.requests('POST /servers/reset').length > 0);
}

async function settled(row: PanelServer): Promise<void> {
  await until(`${row.uuid} is not busy any more`, patienceMs, async () => row.status !== 'installing');
}

function reports(live: LivePanel, { uuid }: PanelServer): unknown[] {
  return live.panel
    .requests('POST /servers/:id/install')
    .filter(({ path, status }) => path.includes(uuid) && status === 204)
    .map(({ body }) => body);
}

/** A person who looks at the console in the Panel. */
async function looksOn(owner: Owner, live: LivePanel, { uuid }: PanelServer): Promise<ConsoleClient> {
  const client = await ConsoleClient.open({ port: live.node.daemon.nodePort, uuid, origin: live.panel.url });
  owner.after(() => client.close());
  await client.authenticate(await consoleToken(live.node.config, uuid));
  return client;
}

describe('a Panel makes a server', { concurrency: 2 }, () => {
  for (const flavour of ['pelican', 'pterodactyl'] as const) {
    test(
      `${flavour}: its script runs, then the server starts; installed anew, it stays off (containers 24.10)`,
      options,
      async (t) => {
        const owner = newestFirst(t);
        const live = await aNode(owner, flavour);
        const { panel, node } = live;
        // It makes one before it has told of the others: no server is set free that is being installed.
        const list = Promise.withResolvers<void>();
        panel.weather({ when: ({ path }) => path === '/servers', until: list.promise });
        await node.start();
        const lines = ['echo "$GREETING $PLAYERS" | tee /mnt/server/said', 'echo x >> /mnt/server/runs', 'exit 5'];
        const row = aServer(live, [waits, ...lines].join('\r\n'));
        const { uuid } = row;
        await live.calls.createServer(panel.state, row, true);
        assert.equal(row.status, 'installing');
        assert.deepEqual(
          panel.seen.filter(({ status }) => status >= 400),
          [],
        );
        const client = await looksOn(owner, live, row);
        await until('the installer runs', patienceMs, async () => (await installer(node, uuid))?.running);
        assert.equal(statSync(node.volume(uuid)).uid, user);
        list.resolve();
        await until('the list came', patienceMs, async () => panel.requests('GET /servers')[0]?.status === 200);
        panel.weather({ when: ({ path }) => path.endsWith('/install'), times: 1, answer: { status: 503 } });
        writeFileSync(join(node.volume(uuid), 'go'), '');
        await settled(row);

        assert.equal(row.status, null);
        assert.deepEqual(reports(live, row), [{ successful: true, reinstall: false }]);
        await client.until('the end', () => client.count('install completed') === 1, patienceMs);
        assert.deepEqual(client.all('install output'), ['hello 5']);
        await node.running(uuid);
        if (flavour === 'pelican')
          await until('the Panel shows it', patienceMs, async () => row.containerStatus === 'running');
        assert.equal(node.starts(uuid), 1);
        assert.equal(inVolume(node, uuid, 'said'), 'hello 5\n');
        const strangers = readdirSync(node.volume(uuid)).filter((name) => {
          const { uid, gid } = statSync(join(node.volume(uuid), name));
          return uid !== user || gid !== user;
        });
        assert.deepEqual(strangers, []);
        const log = (await live.ask(uuid, '/install-logs')).json() as { data: string };
        assert.equal(log.data.replaceAll('\r\n', '\n'), 'hello 5\n\n\nExit Code: 5\n');

        await live.calls.reinstall(row);
        await settled(row);
        assert.deepEqual(reports(live, row).at(-1), { successful: true, reinstall: true });
        assert.equal(inVolume(node, uuid, 'runs'), 'x\nx\n');
        assert.deepEqual(node.commands(uuid), ['stop'], 'the game was stopped as its egg says');
        await client.until('the second end', () => client.count('install completed') === 2, patienceMs);
        assert.equal((await node.api.get(uuid))?.status?.state, 'offline');
        assert.equal(node.starts(uuid), 1);
        assert.equal(await installer(node, uuid), undefined);
        assert.equal(existsSync(scriptDirectoryOf(node, uuid)), false);
        await until('the reset came', patienceMs, async () => panel.requests('POST /servers/reset').length === 1);
        const posts = panel.seen.filter(({ method, status }) => method === 'POST' && status === 204);
        assert.match(posts[0]?.path ?? '', /install$/, 'before the reset');
      },
    );
  }

  test('one that cannot be installed is shown as failed, and is not started (traps 26)', options, async (t) => {
    const live = await aNode(newestFirst(t), 'pelican');
    const { panel, node } = live;
    await started(live);
    const row = aServer(live, 'true');
    row.install.entrypoint = '/no/such';
    await live.calls.createServer(panel.state, row, true);
    await settled(row);
    assert.equal(row.status, 'install_failed');
    assert.deepEqual(reports(live, row), [{ successful: false, reinstall: false }]);
    const server = await node.api.until(row.uuid, 'it is free', ({ status }) => !status?.claim);
    const installed = server.status?.conditions?.find(({ type }) => type === 'Installed');
    assert.match(installed?.message ?? '', /no such file/);
    assert.equal(node.starts(row.uuid), 0);

    // Once more, and the installer is killed in the middle; then it is put right.
    row.install = { ...row.install, entrypoint: 'sh', script: waits };
    await live.calls.reinstall(row);
    await until('the installer runs', patienceMs, async () => (await installer(node, row.uuid))?.running);
    await node.docker.removeContainer(`${row.uuid}_installer`, { force: true });
    await settled(row);
    assert.equal(row.status, 'reinstall_failed');
    await node.api.until(row.uuid, 'it is free', ({ status }) => !status?.claim);
    row.install.script = 'true';
    await live.calls.reinstall(row);
    await settled(row);
    assert.equal(row.status, null);
    assert.deepEqual(
      panel.state.notices,
      [false, false, true].map((good) => `install ${row.uuid} ${good}`),
    );
  });

  test('one without a script has its directory: it can be backed up at once', options, async (t) => {
    const live = await aNode(newestFirst(t), 'pelican');
    const { panel, node } = live;
    await started(live);
    const [skips, empty] = [aServer(live, 'exit 1', { skipEggScripts: true }), aServer(live, null)];
    for (const row of [skips, empty]) {
      await live.calls.createServer(panel.state, row);
      await settled(row);
      assert.equal(row.status, null);
      assert.deepEqual(reports(live, row), [{ successful: true, reinstall: false }]);
      assert.equal(statSync(node.volume(row.uuid)).uid, user);
      await node.api.until(row.uuid, 'it is free', ({ status }) => !status?.claim);
      const backup = await live.calls.backup(panel.state, row.uuid);
      const told = () => panel.state.backups.get(backup)?.completedAt ?? undefined;
      await until('the backup was told', patienceMs, async () => told());
      assert.equal(panel.state.backups.get(backup)?.isSuccessful, true);
    }
    assert.equal(panel.requests('GET /servers/:id/install').length, 1, 'nobody asks for a script that is not run');
    // What the Panel's administrator has switched since is what counts for the next time.
    skips.parts.skipEggScripts = false;
    skips.install.script = 'echo x > /mnt/server/ran';
    await live.calls.reinstall(skips);
    await settled(skips);
    assert.equal(inVolume(node, skips.uuid, 'ran'), 'x\n');
  });

  test(
    'during an installation another is refused, and a kill of the daemon ends in one report (containers 24.10)',
    options,
    async (t) => {
      const live = await aNode(newestFirst(t), 'pelican');
      const { panel, node } = live;
      await started(live);
      const row = aServer(live, `echo x >> /mnt/server/runs; ${waits}; echo y >> /mnt/server/runs; exit 5`);
      const { uuid } = row;
      await live.calls.createServer(panel.state, row, true);
      await until('the script runs', patienceMs, async () => inVolume(node, uuid, 'runs') === 'x\n');
      const again = live.ask(uuid, '/reinstall', { method: 'POST' });
      assert.equal((await again).status, 409);
      assert.equal(
        ((await (await again).json()) as { error: string }).error,
        'An installation is already running for this server',
      );
      await node.daemon.kill();
      const before = await installer(node, uuid);
      await node.start();
      assert.equal((await live.ask(uuid, '/reinstall', { method: 'POST' })).status, 409, 'the next daemon knows of it');
      assert.deepEqual(reports(live, row), []);
      const after = await installer(node, uuid);
      assert.deepEqual([after?.id, after?.startedAt], [before?.id, before?.startedAt]);
      writeFileSync(join(node.volume(uuid), 'go'), '');
      await settled(row);
      await node.running(uuid);
      assert.equal(row.status, null);
      assert.equal(inVolume(node, uuid, 'runs'), 'x\ny\n');
      await until('the reset came', patienceMs, async () => panel.requests('POST /servers/reset').length === 2);
      // Of the first one, and of no other: the one that was refused is nobody's failure.
      assert.deepEqual(reports(live, row), [{ successful: true, reinstall: false }]);
      assert.deepEqual(panel.state.notices, [`install ${uuid} true`]);
      assert.equal(await installer(node, uuid), undefined);
    },
  );

  test('a deletion during an installation leaves no container and no files (containers 24.10)', options, async (t) => {
    const live = await aNode(newestFirst(t), 'pterodactyl');
    const { panel, node } = live;
    await started(live);
    const row = aServer(live, 'trap "" TERM; while true; do echo x >> /mnt/server/noise; sleep 0.01; done');
    const { uuid } = row;
    await live.calls.createServer(panel.state, row, true);
    await until('the script runs', patienceMs, async () => inVolume(node, uuid, 'noise') !== undefined);
    await live.calls.deleteServer(panel.state, uuid);
    assert.equal((await live.ask(uuid, '')).status, 404);
    await node.api.untilGone(uuid, patienceMs);
    assert.equal(await installer(node, uuid), undefined);
    assert.deepEqual(await node.containers(uuid), []);
    assert.deepEqual([existsSync(node.volume(uuid)), existsSync(scriptDirectoryOf(node, uuid))], [false, false]);
    assert.deepEqual(panel.requests('POST /servers/:id/install'), [], 'nobody is told of a server that there is not');
    assert.equal(node.starts(uuid), 0);
  });
});
