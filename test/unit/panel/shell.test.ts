// The commands of the pretended Panel, and the configuration it writes for a node.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load.ts';
import { uuidOf } from '../../support/an-admission.ts';
import { temporaryDirectory } from '../../support/node-config.ts';
import { nodeFiles, usualPorts } from '../../support/panel/panel-config.ts';
import { PanelShell } from '../../support/panel/panel-shell.ts';
import { PanelStandIn } from '../../support/panel/panel-stand-in.ts';

test('the configuration it writes is one that a node takes, and leads to it', async (t) => {
  const directory = temporaryDirectory(t);
  for (const flavour of ['pelican', 'pterodactyl'] as const) {
    const panel = await PanelStandIn.start(t, { flavour });
    const files = nodeFiles(panel, directory, 'games', usualPorts);
    mkdirSync(join(directory, flavour));
    writeFileSync(join(directory, flavour, 'config.yml'), files.config, { mode: 0o600 });
    writeFileSync(join(directory, flavour, 'aileron.yml'), files.own, { mode: 0o600 });
    const warnings: string[] = [];
    const config = await loadConfig({
      path: join(directory, flavour, 'config.yml'),
      env: {},
      warn: (message) => warnings.push(message),
      remark: (message) => warnings.push(message),
    });
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
  const panel = await PanelStandIn.start(t, { flavour: 'pelican' });
  const shell = new PanelShell(panel, panel.daemon(`http://127.0.0.1:${(daemon.address() as AddressInfo).port}`));
  const { uuid } = shell.addDemo();
  assert.match(await shell.run('servers'), /^demo +unknown +0{8}-/);
  for (const action of ['start', 'stop', 'restart', 'kill']) assert.equal(await shell.run(`${action} demo`), 'ok');
  await shell.run('say demo hello  world');
  await shell.run('suspend demo');
  await shell.run('resume');
  assert.match(await shell.run('create lobby'), /^lobby is /);
  const made = /backup (\S+) is on its way/.exec(await shell.run('backup demo'))?.[1] ?? '';
  assert.match(await shell.run('backups'), new RegExp(`^${made} running$`));
  await shell.run(`restore demo ${made.slice(0, 4)}`);
  await shell.run('delete lobby');
  assert.deepEqual(
    asked.map((line) => line.replaceAll(uuid, ':demo').replaceAll(made, ':backup').replaceAll(uuidOf(2), ':lobby')),
    [
      ...['start', 'stop', 'restart', 'kill'].map((action) => `POST /api/servers/:demo/power {"action":"${action}"}`),
      'POST /api/servers/:demo/commands {"commands":["hello world"]}',
      'POST /api/servers/:demo/sync ',
      'POST /api/servers/:demo/sync ',
      'POST /api/servers {"uuid":":lobby","start_on_completion":false}',
      'POST /api/servers/:demo/backup {"adapter":"wings","uuid":":backup","ignore":""}',
      `POST /api/servers/:demo/backup/:backup/restore ${JSON.stringify({
        adapter: 'wings',
        truncate_directory: false,
        download_url: `http://127.0.0.1:${(daemon.address() as AddressInfo).port}/download/backup?token=x`,
      })}`,
      'DELETE /api/servers/:lobby ',
    ],
  );
  status = 409;
  assert.equal(await shell.run('start demo'), 'the daemon answered 409: {"error":"no"}');
  assert.equal(await shell.run('start nobody'), 'There is no server nobody.');
  assert.equal(await shell.run('constructor'), 'There is no constructor; try help.');
  assert.equal(await shell.run('away'), 'ok');
  await assert.rejects(fetch(panel.url));
  await shell.run('back');
  assert.equal((await fetch(panel.url)).status, 404);
  assert.match(await shell.run('requests'), /404 {2}GET $/);
});
