// A real browser on a real node: a page that watches a server sees its backup move, one that is opened in the middle sees
// it at once, and the page of a Pelican Panel, which knows nothing of it, goes on as ever.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Browser, needsChromium, type Page } from '../support/browser.ts';
import { needsDocker } from '../support/docker.ts';
import { consoleToken } from '../support/live-console.ts';
import { LiveNode } from '../support/live-node.ts';
import { servePelicanPage } from '../support/pelican-page.ts';
import { serveProgressPage } from '../support/progress-page.ts';
import { checkProgressStream, type RecordedFrame } from '../support/progress-stream.ts';
import { until } from '../support/until.ts';

const MiB = 1024 * 1024;
const patienceMs = 60_000;
const uuid = '47363ce7-d70a-430e-8e75-6dc87c8d016d';
const skip = (await needsDocker()) || needsChromium();

const frames = (page: Page) => page.evaluate<RecordedFrame[]>('recorded');
const sees = (page: Page, event: string) =>
  page.evaluate<boolean>(
    `typeof recorded === 'object' && recorded.some(({ event }) => event === ${JSON.stringify(event)})`,
  );
const state = (page: Page) => page.evaluate<string>("document.getElementById('state').value");

test('a backup moves in a browser, also in a page that is opened in the middle; that of Pelican is left in peace (websocket 17.19, 17.22)', {
  skip,
  timeout: 180_000,
}, async (t) => {
  const site = await serveProgressPage(t);
  const watched = { socket: '', token: async () => '' };
  const panel = await servePelicanPage(
    t,
    () => watched.socket,
    () => watched.token(),
  );
  const node = await LiveNode.make(t, {
    yaml: `allowed_origins: ['${site.origin}', '${panel.origin}']\n`,
    change: (config) => ({
      ...config,
      // So slow that it can be watched.
      system: { ...config.system, backups: { ...config.system.backups, writeLimit: 2 * MiB } },
    }),
  });
  await node.start();
  const server = await node.addRunning('lobby');
  writeFileSync(join(node.volume(server), 'world'), randomBytes(8 * MiB));
  const socket = `ws://127.0.0.1:${node.daemon.nodePort}/api/servers/${server}/ws`;
  const address = site.url(socket, await consoleToken(node.config, server, ['*']));
  Object.assign(watched, { socket, token: () => consoleToken(node.config, server, ['*']) });
  const browser = await Browser.start(t);

  const pelican = await browser.open(panel.url);
  await until('it stores figures', patienceMs, async () => panel.requests.some(({ name }) => name === 'store-stats'));

  const early = await browser.open(address);
  await until('the page is in', patienceMs, () => sees(early, 'server_status'));
  await node.api.call('POST', '/apis/aileron.dev/v1/backups', {
    ...{ apiVersion: 'aileron.dev/v1', kind: 'Backup', metadata: { name: 'first' } },
    spec: { uuid, serverRef: { name: 'lobby' } },
  });
  await until('the bar moves', patienceMs, () => early.evaluate<boolean>("document.getElementById('bar').value > 0"));
  assert.equal(await state(early), 'backup');
  const late = await browser.open(address);
  await until('the late page is in', patienceMs, () => sees(late, 'backup_progress'));
  for (const page of [early, late]) {
    await until('the end', patienceMs, () => sees(page, 'backup_restore_completed'));
    await until('the state returns', patienceMs, async () => (await state(page)) === 'running');
  }

  const ignores = (event: string) => pelican.evaluate<boolean>(`ignored.includes(${JSON.stringify(event)})`);
  for (const event of [
    'server_status',
    'backup_progress',
    'backup progress',
    'backup completed',
    'backup_restore_completed',
  ]) {
    await until(`the page of Pelican got ${event}`, patienceMs, () => ignores(event));
  }
  const asked = panel.requests.map(({ name, value, status }) =>
    name === 'store-stats'
      ? `${name}, running: ${String(value).includes('"state":"running"')}, ${status}`
      : `${name} ${value} ${status}`,
  );
  assert.deepEqual(
    [...new Set(asked)].sort(),
    ['console-status running 200', 'store-stats, running: true, 200', 'token-request undefined 200'],
    'a backup makes it ask for nothing that it would not ask for anyway',
  );
  assert.equal(
    asked.filter((one) => one.startsWith('console-status')).length,
    1,
    'the state of the process is told once',
  );

  const expected = { type: 'create', backupId: uuid, outcome: 'success', earlyMs: 200 } as const;
  const moved = checkProgressStream(await frames(early), expected);
  assert.ok(moved.length >= 5, `${moved.length} steps`);
  const caughtUp = checkProgressStream(await frames(late), { ...expected, joinedLate: true });
  assert.ok((caughtUp[0]?.written ?? 0) > 0, 'it begins where the work is');
  assert.deepEqual((await frames(late)).map(({ event }) => event).slice(0, 5), [
    ...['auth success', 'status', 'server_status', 'backup_progress', 'backup progress'],
  ]);
  const bars = await early.evaluate<number[]>('bars');
  assert.deepEqual(
    bars,
    moved.map(({ percentage }) => percentage / 100),
    'the bar is where it should be',
  );
  for (const page of [early, late, pelican]) {
    assert.deepEqual(page.errors, []);
    const own = [site.origin, panel.origin].flatMap((origin) => [`${origin}/`, `${origin}/favicon.ico`]);
    const usual = [...own, address.split('#')[0], socket, `${panel.origin}/livewire/update`];
    const beyond = page.requests.filter((url) => !usual.includes(url));
    assert.deepEqual(beyond, [], 'nothing makes a page ask for more');
  }
});
