// A node whose every secret is a canary, through all that a node does and all that can fail with a secret in it: afterwards
// no canary is in the log, in a trace, among the metrics, in a report, in an Event, in the log of an installation or in the
// body of an error.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { CliNode } from '../support/cli-node.ts';
import { ConsoleClient } from '../support/console-client.ts';
import { needsDocker, testImage } from '../support/docker.ts';
import { type Answer, type Call, httpCall } from '../support/http-call.ts';
import { consoleToken } from '../support/live-console.ts';
import { game } from '../support/live-node.ts';
import { NodeClient } from '../support/node-client.ts';
import { PanelStandIn } from '../support/panel/panel-stand-in.ts';
import { signedToken } from '../support/signed-token.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 180_000 };
const patienceMs = 60_000;

/** Such as a password generator makes, with what JSON and URLs write in another way. */
const canary = (name: string) => `canary"${name}/${randomBytes(12).toString('hex')}\\é`;

async function site(
  t: TestContext,
  answer: (request: IncomingMessage, body: string, response: ServerResponse) => void,
) {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => answer(request, body, response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('no secret is in anything that a node tells (covers: SEC-112, SEC-113, SEC-108, SEC-124)', options, async (t) => {
  const secrets = {
    nodeToken: `canary-node-${randomBytes(16).toString('hex')}`,
    registryPassword: canary('registry'),
    customHeader: canary('header').replace(/[^\x20-\x7e]/g, 'e'),
    variable: canary('variable'),
    signature: randomBytes(16).toString('hex'),
  };
  const traces: string[] = [];
  const collector = await site(t, (_, body, response) => {
    traces.push(body);
    response.end('{}');
  });
  // Says back what it was sent, as proxies with a debug page do.
  const asked: string[] = [];
  const registry = await site(t, ({ headers }, _, response) => {
    asked.push(String(headers.authorization));
    const errors = [{ code: 'UNAUTHORIZED', message: `bad credentials: ${headers.authorization}` }];
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"', 'content-type': 'application/json' });
    response.end(JSON.stringify({ errors }));
  });
  const panel = await PanelStandIn.start(t, { flavour: 'pelican' });
  panel.node.token = secrets.nodeToken;
  const image = `~${await testImage(process.env)}`;
  const environment = { API_KEY: secrets.variable, GREETING: 'hello' };
  const base = { environment, invocation: game(), allocations: [{ ip: '127.0.0.1', port: 0 }] };
  const configs = [
    { file: 'secret.properties', parser: 'properties', replace: [{ match: 'key', replace_with: secrets.variable }] },
    { file: 'broken.json', parser: 'json', replace: [{ match: 'key', replace_with: secrets.variable }] },
  ];
  const good = panel.state.addServer({ ...base, image, configs });
  const unpullable = panel.state.addServer({ ...base, image: `${registry}/games/secret:1` });
  const failing = panel.state.addServer({ ...base, image });
  const script = `echo "installing"; test "$API_KEY" = ${secrets.signature}; exit 3`;
  failing.install = { container_image: image.slice(1), entrypoint: 'sh', script };

  const node = await CliNode.make(t, {
    yaml: `remote: ${panel.url}
remote_query: { custom_headers: { X-Edge-Key: ${JSON.stringify(secrets.customHeader)} } }
debug: true
`,
  });
  const yaml = readFileSync(node.config, 'utf8')
    .replace(/^token_id: .*$/m, `token_id: ${panel.node.tokenId}`)
    .replace(/^token: .*$/m, `token: ${JSON.stringify(secrets.nodeToken)}`)
    .replace(
      /^docker:$/m,
      `docker:\n  registries: { ${JSON.stringify(registry)}: { username: me, password: ${JSON.stringify(secrets.registryPassword)} } }`,
    );
  writeFileSync(node.config, yaml);
  writeFileSync(
    join(node.directory, 'aileron.yml'),
    `${readFileSync(join(node.directory, 'aileron.yml'), 'utf8')}tracing: { endpoint: "http://${collector}" }\n`,
  );
  await node.start();
  const told: string[] = [];
  const ask = async (path: string, { headers, ...call }: Call = {}): Promise<Answer> => {
    const authorization = `Bearer ${secrets.nodeToken}`;
    const answer = await httpCall(node.ports.api, path, {
      ...call,
      headers: { authorization, ...headers },
    });
    if (answer.status >= 400) told.push(`${answer.status} ${path.split('?')[0]}: ${answer.body}`);
    return answer;
  };
  const api = new NodeClient({ port: node.ports.kube, pki: join(node.state, 'pki') });
  t.after(() => api.close());
  const at = (uuid: string) => `/api/servers/${uuid}`;
  await until('the servers are known', patienceMs, async () => (await api.list('servers')).length === 3);

  // A server runs, with a console; tokens that are no good, in a socket and in links.
  assert.equal((await ask(`${at(good.uuid)}/power`, { method: 'POST', body: { action: 'start' } })).status, 202);
  await api.until(good.uuid, 'it runs', ({ status }) => status?.state === 'running', patienceMs);
  const token = await consoleToken({ token: { id: '', secret: secrets.nodeToken } }, good.uuid);
  const console = await ConsoleClient.open({ port: node.ports.api, uuid: good.uuid, origin: panel.url });
  t.after(() => console.close());
  await console.authenticate(token);
  console.send('send command', 'hello');
  console.send('auth', `${token.slice(0, -4)}AAAA`);
  await console.until('it is refused', () => console.count('jwt error') > 0);
  const link = signedToken({ exp: 9e9, jti: 'x', server_uuid: good.uuid, unique_id: randomUUID() }, secrets.nodeToken);
  for (const path of [`/download/backup?token=${link}`, `/nothing?token=${link}`, `${at('none')}?token=${token}`])
    assert.ok((await ask(path)).status >= 400, path);

  // Bodies that cannot be taken, with a secret in them.
  for (const [path, body] of [
    ['/api/servers', `{"uuid": "${secrets.nodeToken}`],
    ['/api/servers', { uuid: secrets.nodeToken }],
    ['/api/update', { token: { is: secrets.nodeToken }, remote: secrets.nodeToken }],
    [`${at(good.uuid)}/power`, { action: secrets.nodeToken }],
    [`${at(good.uuid)}/backup/${randomUUID()}/restore`, signedRestore(secrets.signature)],
  ] as const)
    assert.ok((await ask(path, { method: 'POST', body })).status >= 400, JSON.stringify(body));
  const servers = '/apis/aileron.dev/v1/servers';
  const metadata = { name: 'bad' };
  for (const environment of [
    { API_KEY: { of: secrets.variable } },
    { API_KEY: `${secrets.variable}\0` },
    secrets.variable,
  ]) {
    const object = { apiVersion: 'aileron.dev/v1', kind: 'Server', metadata, spec: { image: 'a', environment } };
    told.push(await api.call('POST', servers, object).then(() => assert.fail('it was taken'), String));
  }

  // What fails with a secret in reach: a pull, an installation, reports to a Panel that says back what it was told.
  assert.equal((await ask(`${at(unpullable.uuid)}/power`, { method: 'POST', body: { action: 'start' } })).status, 202);
  await api.until(unpullable.uuid, 'its start failed', ({ status }) => status?.power?.outcome === 'Failed', patienceMs);
  assert.ok(
    asked.some((header) => header.startsWith('Basic ')),
    'the registry was shown the password',
  );
  const detail = `token ${secrets.nodeToken} key ${secrets.customHeader}`;
  const echo = JSON.stringify({ errors: [{ code: 'EchoException', status: '500', detail }] });
  const isReport = ({ method, path }: { method: string; path: string }) =>
    method === 'POST' && path.endsWith('/install');
  panel.weather({ when: isReport, times: 1, answer: { status: 500, text: echo } });
  panel.weather({
    when: ({ path }) => path === `/servers/${good.uuid}`,
    times: 1,
    answer: { status: 403, text: echo },
  });
  // It runs already, and is stopped for a restart that the Panel refuses.
  assert.equal((await ask(`${at(good.uuid)}/power`, { method: 'POST', body: { action: 'restart' } })).status, 202);
  await api.until(good.uuid, 'its restart failed', ({ status }) => status?.power?.outcome === 'Failed', patienceMs);
  await console.until('the console was told', () => console.lines.some((line) => line.includes('Failed to')));
  assert.equal((await ask(`${at(failing.uuid)}/reinstall`, { method: 'POST' })).status, 202);
  const log = join(node.directory, 'log');
  const installLog = join(log, 'install', `${failing.uuid}.log`);
  await until('the Panel heard of the installation', patienceMs, async () => panel.state.notices.length > 0);
  assert.match(readFileSync(installLog, 'utf8'), /installing/);
  const { uuid: backup } = panel.state.addBackup(good.uuid);
  const body = { adapter: 'wings', uuid: backup, ignore: '' };
  assert.equal((await ask(`${at(good.uuid)}/backup`, { method: 'POST', body })).status, 202);
  await until('the backup is reported', patienceMs, async () => panel.state.backups.get(backup)?.isSuccessful);

  // What everybody on the machine can read of a process (SEC-124).
  const commandLine = readFileSync(`/proc/${node.pid}/cmdline`, 'utf8');
  assert.match(commandLine, /node/);

  // All that was told, to whomever.
  const events = JSON.stringify(await api.events());
  const objects = await Promise.all(
    ['servers', 'nodes', 'backups', 'installations'].map(
      async (plural) =>
        ((await api.call('GET', `/apis/aileron.dev/v1/${plural}`)) as { items: { status?: object }[] }).items,
    ),
  );
  const statuses = JSON.stringify(objects.flat().map(({ status }) => status));
  const logs = await Promise.all(panel.state.servers.keys().map(async (uuid) => (await ask(`${at(uuid)}/logs`)).body));
  const metrics = await (await fetch(`http://127.0.0.1:${node.ports.ops}/metrics`)).text();
  const report = (await ask('/api/diagnostics?include_endpoints=true&include_logs=true&log_lines=500')).body;
  const printed = await node.run(['diagnostics', '--endpoints', '--log-lines', '10000']);
  await until('there are traces', patienceMs, async () => traces.length > 0);
  await node.stop();
  const texts: Record<string, string> = {
    ...{ consoles: JSON.stringify([console.messages, logs]), statuses },
    ...{ commandLine, events, metrics, report, printed: printed.stdout + printed.stderr, errors: told.join('\n') },
    ...{ standardError: node.log, traces: traces.join('\n') },
    ...Object.fromEntries(filesBelow(log).map((file) => [file, readFileSync(file, 'utf8')])),
  };
  const keys = filesBelow(join(node.state, 'pki')).filter((file) => !file.endsWith('.crt'));
  const pki = keys.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line.length > 30 && !line.startsWith('-')),
  );
  assert.ok(pki.length >= 4);
  const values = [
    ...Object.values(secrets),
    token,
    link,
    ...pki,
    Buffer.from(`me:${secrets.registryPassword}`).toString('base64'),
  ];
  for (const [where, text] of Object.entries(texts)) {
    for (const value of values.flatMap(formsOf))
      assert.ok(!text.includes(value), `${value} in ${where}: ${around(text, value)}`);
  }
  // The runs that were meant to be looked at did happen.
  const wings = texts[join(log, 'wings.log')] ?? '';
  for (const what of [/"level":20/, /\*\*\*/, /a call to the Panel failed/, /EchoException/]) assert.match(wings, what);
  for (const what of [/reconcile server/, /kube POST servers/]) assert.match(texts['traces'] ?? '', what);
  assert.match(report, /Diagnostics Report/);
  assert.match(events, /Failed|Unhealthy|PullFailed/);
  assert.ok(told.length >= 8, told.join('\n'));

  await openFiles(node);
});

function signedRestore(signature: string): object {
  const url = `https://bucket.example/x?X-Amz-Signature=${signature}&X-Amz-Credential=${signature}`;
  return { adapter: 's3', truncate_directory: false, download_url: url };
}

/** As it is, and as JSON, a text of JSON and a URL write it. */
function formsOf(value: string): string[] {
  const json = JSON.stringify(value).slice(1, -1);
  return [value, json, JSON.stringify(json).slice(1, -1), encodeURIComponent(value)];
}

function around(text: string, value: string): string {
  const at = text.indexOf(value);
  return text.slice(Math.max(0, at - 200), at + value.length + 50);
}

function filesBelow(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Whatever a daemon wrote, but for the files of servers, is its own alone. */
async function openFiles(node: CliNode): Promise<void> {
  const own = [
    node.state,
    join(node.directory, 'log'),
    join(node.directory, 'root/backups'),
    join(node.directory, 'root/archives'),
  ];
  for (const directory of own.filter((path) => existsSync(path))) {
    assert.equal(statSync(directory).mode & 0o077, 0, directory);
    for (const file of filesBelow(directory)) assert.equal(statSync(file).mode & 0o177, 0, file);
  }
  assert.equal(statSync(node.config).mode & 0o177, 0);
}
