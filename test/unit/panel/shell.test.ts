// The commands of the pretended Panel, what it says of the node's reports, and the configuration that it gives a node.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { configure } from '../../../src/cli/commands/configure.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { testIo } from '../../support/cli-io.ts';
import { temporaryDirectory } from '../../support/node-config.ts';
import { nodeDocument, ownSettings, usualPorts } from '../../support/panel/panel-config.ts';
import { sentenceOf } from '../../support/panel/panel-feed.ts';
import { PanelShell } from '../../support/panel/panel-shell.ts';
import { PanelStandIn, type Seen } from '../../support/panel/panel-stand-in.ts';

test('the configuration it gives is one that a node takes, and leads to it', async (t) => {
  for (const flavour of ['pelican', 'pterodactyl'] as const) {
    const directory = temporaryDirectory(t);
    const panel = await PanelStandIn.start(t, { flavour });
    const place = { directory, user: 'games', ports: usualPorts };
    panel.configuration = { key: 'papp_key', document: nodeDocument(panel, place) };
    const path = join(directory, 'config.yml');
    const options = { panelUrl: panel.url, node: '1', configPath: path };
    await assert.rejects(configure(testIo(), { ...options, token: 'papp_other' }), /credentials/);
    assert.equal(await configure(testIo(), { ...options, token: 'papp_key' }), 0);
    writeFileSync(join(directory, 'aileron.yml'), ownSettings(panel, place), { mode: 0o600 });
    const warnings: string[] = [];
    const warn = (message: string) => void warnings.push(message);
    const config = await loadConfig({ path, env: {}, warn, remark: warn });
    assert.deepEqual(warnings, []);
    assert.deepEqual([config.flavour, config.remote], [flavour, panel.url]);
    assert.deepEqual(config.token, { id: panel.node.tokenId, secret: panel.node.token });
    assert.equal(config.api.port, usualPorts.api);
  }
});

test('each command asks the daemon for one thing, and says when it does not get it', async (t) => {
  const asked: string[] = [];
  let status = 204;
  const daemon = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      asked.push(`${request.method} ${request.url} ${text}`);
      response.setHeader('User-Agent', 'curl');
      response.writeHead(status).end(status === 204 ? undefined : '{"error":"no"}');
    });
  });
  await new Promise<void>((resolve) => daemon.listen(0, '127.0.0.1', resolve));
  t.after(() => daemon.close());
  const url = `http://127.0.0.1:${(daemon.address() as AddressInfo).port}`;
  const panel = await PanelStandIn.start(t, { flavour: 'pelican' });
  const shell = new PanelShell(panel, url, () => {});
  assert.equal(await shell.run('servers'), 'It is empty.');
  assert.equal(await shell.run('create demo'), 'demo is being installed');
  assert.equal(await shell.run('create demo'), 'There is a server demo already.');
  const [demo] = panel.state.servers.values();
  const uuid = demo?.uuid ?? '';
  assert.match(await shell.run('servers'), new RegExp(`^NAME +STATUS +STATE +UUID\ndemo +installing +– +${uuid}$`));
  for (const action of ['start', 'stop', 'restart', 'kill']) assert.equal(await shell.run(`${action} demo`), 'ok');
  for (const line of ['say demo hello  world', 'suspend demo', 'resume demo', 'reinstall demo']) await shell.run(line);
  assert.equal(await shell.run('backup demo'), 'backup 1 is being made');
  const [backup = ''] = panel.state.backups.keys();
  assert.match(await shell.run('backups'), /^NUMBER .*\n1 +demo +running +0 +–$/);
  await shell.run('restore demo 1');
  await shell.run('delete demo');
  const restore = { adapter: 'wings', truncate_directory: false, download_url: `${url}/download/backup?token=x` };
  assert.deepEqual(
    asked.map((line) => line.replaceAll(uuid, ':demo').replaceAll(backup, ':backup')),
    [
      'POST /api/servers {"uuid":":demo","start_on_completion":false}',
      ...['start', 'stop', 'restart', 'kill'].map((action) => `POST /api/servers/:demo/power {"action":"${action}"}`),
      'POST /api/servers/:demo/commands {"commands":["hello world"]}',
      'POST /api/servers/:demo/sync ',
      'POST /api/servers/:demo/sync ',
      'POST /api/servers/:demo/reinstall ',
      'POST /api/servers/:demo/backup {"adapter":"wings","uuid":":backup","ignore":""}',
      `POST /api/servers/:demo/backup/:backup/restore ${JSON.stringify(restore)}`,
      'DELETE /api/servers/:demo ',
    ],
  );
  await shell.run('create lobby');
  status = 409;
  assert.equal(await shell.run('start lobby'), 'the daemon answered 409: {"error":"no"}');
  assert.equal(await shell.run('start nobody'), 'There is no server nobody.');
  assert.equal(await shell.run('start'), 'Which server?');
  assert.equal(await shell.run('restore lobby 7'), 'There is no backup 7.');
  assert.equal(await shell.run('constructor'), 'There is no constructor; try help.');
  await shell.run('away');
  await assert.rejects(fetch(panel.url));
  assert.equal(await shell.run('start lobby'), 'The Panel is away; back brings it back.');
  assert.match(await shell.run('servers'), /lobby/);
  await shell.run('back');
  assert.equal((await fetch(panel.url)).status, 404);
  assert.match(await shell.run('requests'), /404 {2}GET $/);
});

test('a console is opened from its page, with its token, and shows what is printed', async (t) => {
  const door = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  t.after(() => door.close());
  const heard: string[] = [];
  door.on('connection', (socket, { headers }) => {
    heard.push(String(headers.origin));
    socket.on('message', (data) => {
      const { event } = JSON.parse(String(data)) as { event: string };
      heard.push(event);
      const say = (name: string, ...args: string[]) => socket.send(JSON.stringify({ event: name, args }));
      if (event === 'auth') say('auth success');
      else
        for (const [name, text] of [
          ['status', 'running'],
          ['console output', 'Done\u001b[2J'],
        ] as const)
          say(name, text);
    });
  });
  const panel = await PanelStandIn.start(t);
  panel.state.addServer({ name: 'lobby' });
  const shown = Promise.withResolvers<string>();
  const shell = new PanelShell(panel, `http://127.0.0.1:${(door.address() as AddressInfo).port}`, shown.resolve);
  t.after(() => shell.close());
  assert.match(await shell.run('console lobby'), /is open/);
  assert.equal(await shown.promise, 'lobby│ Done');
  assert.deepEqual(heard, [new URL(panel.url).origin, 'auth', 'send logs']);
  assert.match(await shell.run('token lobby'), /^ws:.*\nOrigin: .*\n[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.equal(await shell.run('leave'), 'The game goes on.');
  assert.equal(await shell.run('leave'), 'No console is open.');
});

test('what the node tells is said in sentences', async (t) => {
  const { state } = await PanelStandIn.start(t);
  const { uuid } = state.addServer({ name: 'lobby' });
  const backup = state.addBackup(uuid).uuid;
  const said = (path: string, body: unknown, status = 204) =>
    sentenceOf(state, { method: 'POST', path, body, status } as Seen);
  assert.equal(said(`/servers/${uuid}/install`, { successful: true }), 'lobby is installed');
  assert.equal(said(`/servers/${uuid}/install`, { successful: false }), 'lobby could not be installed');
  assert.equal(said(`/servers/${uuid}/container/status`, { data: { new_state: 'running' } }), 'lobby is running');
  assert.equal(said(`/backups/${backup}`, { successful: true }), 'backup 1 of lobby is done');
  assert.equal(said(`/backups/${backup}`, { successful: true }, 404), undefined);
  assert.equal(said(`/backups/${backup}/restore`, { successful: false }), 'lobby could not be restored');
  assert.equal(said('/servers/reset', null), undefined);
});
