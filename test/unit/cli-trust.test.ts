// Whom the command line believes when the API of its node speaks TLS: the certificate of this machine, and nobody else.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { apiTrust } from '../../src/cli/api-trust.ts';
import { adopt } from '../../src/cli/commands/adopt.ts';
import { checkConsole } from '../../src/cli/doctor/console.ts';
import { webRequest } from '../../src/cli/web-request.ts';
import { apiOrigin, socketUrl } from '../../src/cli/wings-door.ts';
import type { Config } from '../../src/config/config.ts';
import type { CertificatePair } from '../../src/http/kube/pki/checks.ts';
import { aConfig } from '../support/a-config.ts';
import { anyUuid } from '../support/builders.ts';
import { anIssuer, selfSigned, writePair } from '../support/certificates.ts';
import { testIo } from '../support/cli-io.ts';
import { temporaryDirectory } from '../support/node-config.ts';

const servers = JSON.stringify([{ state: 'running', configuration: { uuid: anyUuid } }]);

/** The settings of a node whose files say `named`, while what listens shows `shown`. */
async function aNode(t: TestContext, shown: CertificatePair, named: CertificatePair = shown): Promise<Config> {
  const server = createServer({ cert: shown.certificate, key: shown.key }, (_, response) => response.end(servers));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const ssl = { enabled: true, ...writePair(temporaryDirectory(t), named) };
  const config = aConfig();
  return { ...config, api: { ...config.api, host: '0.0.0.0', port, ssl } };
}

async function ask(config: Config): Promise<number | string | undefined> {
  const trust = await apiTrust(config);
  return webRequest(`${apiOrigin(config)}/`, { trust }).then(
    ({ status }) => status,
    ({ code }: NodeJS.ErrnoException) => code,
  );
}

test('a node with TLS is asked by https, at the loopback address, whatever its certificate is for', async (t) => {
  const { pairFor } = await anIssuer();
  const issued = await aNode(t, await pairFor('node.example.com'));
  assert.match(apiOrigin(issued), /^https:\/\/127\.0\.0\.1:\d+$/);
  assert.match(socketUrl(issued, anyUuid), /^wss:\/\/127\.0\.0\.1:\d+\/api\/servers\//);
  assert.equal(await ask(issued), 200, 'the authority is not in the file');
  assert.equal(await ask(await aNode(t, await selfSigned('node.example.com'))), 200);
  assert.deepEqual(await apiTrust(aConfig()), {});
});

test('another certificate is believed only when an authority gave it for the same name', async (t) => {
  const { authority, pairFor } = await anIssuer();
  const named = await pairFor('node.example.com');
  const chain = { ...named, certificate: named.certificate + authority };
  assert.equal(await ask(await aNode(t, await pairFor('node.example.com'), chain)), 200, 'the one before a renewal');
  assert.equal(await ask(await aNode(t, await pairFor('other.example.com'), chain)), 'ERR_TLS_CERT_ALTNAME_INVALID');
  assert.match(String(await ask(await aNode(t, await pairFor('node.example.com'), named))), /VERIFY|ISSUER/);
  const stranger = await aNode(t, await selfSigned('node.example.com'), chain);
  assert.equal(await ask(stranger), 'DEPTH_ZERO_SELF_SIGNED_CERT');
  const expired = await selfSigned('node.example.com', { until: -1 });
  assert.equal(await ask(await aNode(t, expired)), 'CERT_HAS_EXPIRED');
});

test('files that cannot be used are named', async (t) => {
  const config = await aNode(t, await selfSigned('node.example.com'));
  writeFileSync(config.api.ssl.cert, 'no certificate');
  await assert.rejects(apiTrust(config), /api\.ssl\.cert in .*config\.yml, cannot be read/);
  config.api.ssl.cert = '/nowhere.pem';
  await assert.rejects(apiTrust(config), /ENOENT/);
});

test('adopt asks a Wings with TLS, and shows its token to no other', async (t) => {
  const pair = await selfSigned('node.example.com');
  for (const [shown, expected] of [
    [pair, new RegExp(anyUuid)],
    [await selfSigned('node.example.com'), /self-signed certificate/],
  ] as const) {
    const { port, ssl } = (await aNode(t, shown, pair)).api;
    const directory = temporaryDirectory(t);
    const path = join(directory, 'config.yml');
    const [system, api] = [{ root_directory: directory }, { host: '127.0.0.1', port, ssl }];
    writeFileSync(path, JSON.stringify({ token_id: 'a', token: 'b', system, api }));
    const io = testIo();
    const answer = await adopt(io, { config: path }).catch(({ message }: Error) => message);
    if (shown !== pair) assert.match(String(answer), expected);
    else assert.match(readFileSync(join(directory, 'states.json'), 'utf8'), expected, String(answer));
  }
});

test('the doctor says when what listens is not what the settings name', async (t) => {
  const config = await aNode(t, await selfSigned('node.example.com'), await selfSigned('node.example.com'));
  config.aileron.store.path = join(temporaryDirectory(t), 'store.db');
  const daemon = process.pid;
  const says = async () => (await checkConsole({ config, env: {}, daemon })).map((one) => one.says).join('\n');
  assert.match(await says(), /does not show the certificate of .*fullchain\.pem \(DEPTH_ZERO_SELF_SIGNED_CERT\)/);
  config.api.ssl.cert = '/nowhere.pem';
  assert.match(await says(), /api\.ssl\.cert in .* cannot be read/);
});
