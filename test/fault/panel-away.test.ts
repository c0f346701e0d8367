// The Panel is away for the whole life of backups, restores and installations, and the daemon is killed meanwhile. Their ends
// are kept where one can see them; when the Panel is back each is told once, and its tables are true. A result that it does
// not want any more holds up no other.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { Backup } from '../../src/resources/backup.ts';
import { findCondition } from '../../src/resources/conditions.ts';
import type { Node } from '../../src/resources/node.ts';
import { needsDocker } from '../support/docker.ts';
import { inVolume } from '../support/installations.ts';
import { newestFirst } from '../support/owner.ts';
import { LivePanel } from '../support/panel/live-panel.ts';
import { operationsOf, owedReports, owing, untilNothingIsOwed } from '../support/panel/owing.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 300_000 };
const patienceMs = 60_000;

describe('the Panel is away', { concurrency: 2 }, () => {
  for (const flavour of ['pelican', 'pterodactyl'] as const) {
    test(
      `a ${flavour} Panel that is back is told of each end once, and of the others when one is unwanted`,
      options,
      async (t) => {
        const live = await LivePanel.make(newestFirst(t), { flavour });
        const { panel, node } = live;
        const { state } = panel;
        const [saved, unwanted, restored, installed, unscripted] = Array.from({ length: 5 }, () => live.add());
        assert.ok(saved && unwanted && restored && installed && unscripted);
        const install = { container_image: `~${node.image}`, entrypoint: 'sh' };
        const waits = 'while [ ! -e /mnt/server/go ]; do sleep 0.05; done; echo x >> /mnt/server/runs';
        installed.install = { ...install, script: waits };
        unscripted.install = { ...install, script: 'true' };
        await node.start();
        await live.known(...state.servers.keys());
        for (const { uuid } of state.servers.values()) {
          mkdirSync(node.volume(uuid), { recursive: true });
          writeFileSync(join(node.volume(uuid), 'world.dat'), 'then');
        }
        const kept = await live.calls.backup(state, restored.uuid);
        await untilNothingIsOwed(node);
        await until('the reset came', patienceMs, async () => panel.requests('POST /servers/reset').length === 1);
        writeFileSync(join(node.volume(restored.uuid), 'world.dat'), 'now');

        // One of the installations has its script by then, the other one asks in vain.
        const never = new Promise(() => {});
        panel.weather({ when: ({ path }) => path === `/servers/${unscripted.uuid}/install`, until: never });
        await live.calls.reinstall(installed);
        await live.calls.reinstall(unscripted);
        await until('the script runs', patienceMs, async () => {
          const server = await node.api.get(installed.uuid);
          return server?.status?.claim?.stopped === true && panel.requests('GET /servers/:id/install').length === 2;
        });
        const backup = await live.calls.backup(state, saved.uuid);
        const gone = await live.calls.backup(state, unwanted.uuid);
        await live.calls.restore(restored, kept, true);
        await panel.down();
        panel.clear();
        writeFileSync(join(node.volume(installed.uuid), 'go'), '');

        const ends = await until('all five have ended', patienceMs, async () => {
          const found = await owing(node);
          const tried = found.filter(({ status }) => status?.owed?.[0]?.lastError !== undefined);
          return tried.length === 5 && found;
        });
        for (const { kind, status } of ends) {
          assert.deepEqual(
            status?.owed?.map(({ to, what }) => [to, what]),
            [['Panel', `${kind === 'Installation' ? 'Install' : kind}Result`]],
          );
          assert.match(status?.owed?.[0]?.lastError ?? '', /the Panel cannot be reached: .*ECONNREFUSED/);
        }
        assert.equal(await owedReports(node), 5);
        const reachable = async () =>
          findCondition(((await node.api.list('nodes')) as Node[])[0]?.status?.conditions, 'PanelReachable');
        assert.deepEqual((await reachable())?.status, 'False');
        assert.equal(inVolume(node, restored.uuid, 'world.dat'), 'then', 'work does not wait for the Panel');
        await node.killAndStart();
        await until('nothing was forgotten', patienceMs, async () => (await owedReports(node)) === 5);

        const before = panel.seen.length;
        const notices = state.notices.length;
        state.backups.delete(gone);
        await panel.up();
        await untilNothingIsOwed(node);
        assert.deepEqual(
          state.notices.slice(notices).sort(),
          [
            `backup ${backup} true`,
            `install ${installed.uuid} true`,
            `install ${unscripted.uuid} false`,
            `restore ${kept} true`,
          ].sort(),
        );
        const statuses = [saved, unwanted, restored, installed, unscripted].map(({ status }) => status);
        assert.deepEqual(statuses, [null, null, null, null, 'reinstall_failed']);
        const row = state.backups.get(backup);
        const made = (await node.api.call('GET', `/apis/aileron.dev/v1/backups/${backup}`)) as Backup;
        const { size, checksum } = made.status?.archive ?? {};
        assert.deepEqual([row?.isSuccessful, row?.bytes, row?.checksum], [true, size, `sha1:${checksum}`]);
        assert.equal(inVolume(node, installed.uuid, 'runs'), 'x\n');
        assert.equal(await owedReports(node), 0);

        // The one that nobody wanted: said so, and its archive is there.
        const orphan = (await node.api.call('GET', `/apis/aileron.dev/v1/backups/${gone}`)) as Backup;
        assert.equal(orphan.metadata.labels?.['aileron.dev/unknown-to-panel'], 'true');
        assert.ok(existsSync(join(node.config.system.backupDirectory, unwanted.uuid, `${gone}.tar.gz`)));
        const events = await node.api.events();
        assert.ok(
          events.some(({ reason, involvedObject }) => reason === 'ReportGivenUp' && involvedObject.name === gone),
        );

        // Each end before what sets all the busy ones free.
        await until('the reset came', patienceMs, async () => panel.requests('POST /servers/reset').length === 2);
        const posts = panel.seen.slice(before).filter(({ method, status }) => method === 'POST' && status === 204);
        assert.equal(posts.length, 5, 'four reports and a reset');
        const busy = posts.findLastIndex(({ path }) => /restore$|install$/.test(path));
        assert.ok(posts.findIndex(({ path }) => path.endsWith('reset')) > busy);
        const claims = ((await node.api.list('servers')) as { status?: { claim?: unknown } }[]).map(
          ({ status }) => status?.claim,
        );
        assert.deepEqual(claims, [undefined, undefined, undefined, undefined, undefined]);
        assert.equal((await operationsOf(node)).length, 6);
      },
    );
  }
});
