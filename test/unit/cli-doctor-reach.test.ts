// What the doctor concludes about the Panel and the way to this node.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { Examined, Finding } from '../../src/cli/doctor/finding.ts';
import { answerFinding, checkPanel, clockFindings, unreachable } from '../../src/cli/doctor/panel.ts';
import { certificateFindings, checkReach, nameFindings } from '../../src/cli/doctor/reach.ts';
import type { Config } from '../../src/config/config.ts';
import { makeAuthority, makeServingPair } from '../../src/http/kube/pki/make.ts';
import { aConfig } from '../support/a-config.ts';
import { temporaryDirectory } from '../support/node-config.ts';

const dayMs = 86_400_000;
const bad = (findings: readonly Finding[]) => findings.filter(({ level }) => level !== 'ok').map(({ says }) => says);
const said = (findings: readonly Finding[], pattern: RegExp) =>
  assert.ok(
    findings.some(({ says, remedy }) => pattern.test(says) && remedy),
    `${pattern} is not in ${JSON.stringify(findings)}`,
  );

function examined(change: Partial<Config> = {}, more: Partial<Examined> = {}): Examined {
  return { config: { ...aConfig('pelican'), ...change }, env: {}, daemon: undefined, ...more };
}

async function panel(t: TestContext, reply: RequestListener): Promise<string> {
  const server = createServer(reply);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const list = (_: IncomingMessage, response: ServerResponse) => void response.end('{"data":[]}');

describe('the Panel', () => {
  test('that knows the node is well, and was asked as the daemon asks', async (t) => {
    const asked: string[] = [];
    const remote = await panel(t, (request, response) => {
      asked.push(`${request.url} ${request.headers.authorization ?? ''}`);
      list(request, response);
    });
    assert.deepEqual(bad(await checkPanel(examined({ remote }))), []);
    // The token goes to the API alone, not to whoever the pages lead to.
    assert.deepEqual(asked, ['/api/remote/servers?page=0&per_page=1 Bearer id.secret', '/ ']);
  });

  for (const [status, expected] of [
    [400, /credentials of this node incomplete/],
    [401, /was given no credentials/],
    [403, /does not take the token in .*config\.yml/],
    [404, /does not know this node: it was deleted there, or has another token_id/],
    [429, /asked too often/],
    [500, /answers with 500/],
    [503, /down for maintenance/],
    [418, /is no Panel \(418\)/],
    [200, /is no Panel \(200\)/],
  ] as const) {
    test(`that answers with ${status} is explained`, async (t) => {
      const remote = await panel(t, (_, response) => void response.writeHead(status).end('<html>'));
      said(await checkPanel(examined({ remote })), expected);
    });
  }

  test('that is elsewhere is named', () => {
    const answer = { status: 301, headers: { location: 'https://new.example/' }, text: '' };
    said(
      [answerFinding(answer, { ...aConfig(), remote: 'https://old.example' })],
      /sends everybody to https:\/\/new\.example/,
    );
  });

  for (const [code, expected] of [
    ['ENOTFOUND', /its name leads nowhere/],
    ['ECONNREFUSED', /refuses connections/],
    ['ETIMEDOUT', /does not answer/],
    ['CERT_HAS_EXPIRED', /certificate that has expired/],
    ['CERT_NOT_YET_VALID', /not valid yet/],
    ['ERR_TLS_CERT_ALTNAME_INVALID', /certificate for another name/],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', /does not trust/],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /does not trust/],
    ['EPROTO', /does not speak https/],
    ['EWHATEVER', /cannot be asked \(EWHATEVER\)/],
  ] as const) {
    test(`that cannot be asked (${code}) is explained`, () => {
      said([unreachable('https://panel.example', '/c.yml', Object.assign(new Error('x'), { code }))], expected);
    });
  }

  test('is not asked when nobody wants it, or there is none', async () => {
    assert.deepEqual(bad(await checkPanel(examined({ remote: 'http://127.0.0.1:1' }, { offline: true }))), []);
    assert.deepEqual(bad(await checkPanel(examined())), []);
    said(await checkPanel(examined({ remote: 'http://127.0.0.1:1' })), /refuses connections/);
  });

  test('whose pages lead to another origin closes consoles, unless it is allowed', async (t) => {
    const real = await panel(t, list);
    const remote = await panel(t, (request, response) => {
      if (request.url === '/') response.writeHead(302, { location: `${real}/login` }).end();
      else list(request, response);
    });
    said(
      await checkPanel(examined({ remote })),
      new RegExp(`Browsers end up at ${real}, and the node takes consoles from ${remote}`),
    );
    assert.deepEqual(bad(await checkPanel(examined({ remote, allowedOrigins: [real] }))), []);
  });

  test('whose clock is another is a problem from 20 seconds on', () => {
    const now = Date.UTC(2026, 5, 1);
    const at = (offset: number) =>
      clockFindings({ status: 200, text: '', headers: { date: new Date(now + offset).toUTCString() } }, now - 500, now);
    for (const offset of [0, 20_000, -20_000]) assert.deepEqual(at(offset), []);
    said(at(60_000), /clock of this machine is 1m0s behind the Panel's/);
    said(at(-3_600_000), /ahead of the Panel's/);
    assert.deepEqual(clockFindings({ status: 200, text: '', headers: {} }, now, now), []);
  });
});

describe('the way to the node', () => {
  const api = (change: Partial<Config['api']>) => ({ ...aConfig().api, ...change });

  test('an address that only this machine can reach is told when the Panel is elsewhere', async () => {
    const local = api({ host: '127.0.0.1' });
    said(
      await checkReach(examined({ api: local, remote: 'https://panel.example' })),
      /listens on 127\.0\.0\.1, which only this machine can reach/,
    );
    assert.deepEqual(bad(await checkReach(examined({ api: local, remote: 'http://localhost' }))), []);
    assert.deepEqual(bad(await checkReach(examined({ remote: 'https://panel.example' }))), []);
  });

  test('https without files, or with files that are none', async (t) => {
    const directory = temporaryDirectory(t);
    const file = join(directory, 'x.pem');
    const ssl = (cert: string, key: string) => examined({ api: api({ ssl: { enabled: true, cert, key } }) });
    said(await checkReach(ssl('', '')), /api\.ssl\.cert and api\.ssl\.key in .* is empty/);
    said(await checkReach(ssl(file, file)), /certificate of the node cannot be read \(ENOENT/);
    writeFileSync(file, 'no PEM');
    said(await checkReach(ssl(file, file)), /holds no certificate/);
  });

  test('a certificate is judged by its key, its time and its name', async () => {
    const now = Date.now();
    const validity = { from: new Date(now - dayMs), to: new Date(now + 60 * dayMs) };
    const authority = await makeAuthority('Some Authority', validity);
    const pair = await makeServingPair(authority, ['node.example.com'], validity);
    const other = await makeServingPair(authority, ['node.example.com'], validity);
    const files = { cert: '/c.pem', key: '/k.pem' };
    const judged = (at: number, key = pair.key) => certificateFindings(pair.certificate, key, files, at).findings;
    assert.deepEqual(judged(now), []);
    said(judged(now, other.key), /The key \/k\.pem does not go with the certificate/);
    said(judged(now, 'nothing'), /does not go with/);
    said(judged(now + 61 * dayMs), /has expired on/);
    said(judged(now + 50 * dayMs), /expires on/);
    said(judged(now - 10 * dayMs), /is valid from .* on/);
    said(certificateFindings(authority.certificate, authority.key, files, now).findings, /vouches for itself/);
    const certificate = new X509Certificate(pair.certificate);
    assert.deepEqual(nameFindings(certificate, 'node.example.com'), []);
    said(
      nameFindings(certificate, 'other.example.com'),
      /is for DNS:node\.example\.com and not for other\.example\.com/,
    );
  });

  test('a name that leads nowhere, away, or here to a port that is open or not', async () => {
    said(await checkReach(examined({}, { fqdn: 'no..name' })), /no\.\.name leads nowhere/);
    said(
      await checkReach(examined({}, { fqdn: '192.0.2.1' })),
      /leads to 192\.0\.2\.1, which is no address of this machine/,
    );
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const here = { fqdn: '127.0.0.1', daemon: 1 };
    assert.deepEqual(bad(await checkReach(examined({ api: api({ port }) }, here))), []);
    await new Promise((resolve) => server.close(resolve));
    said(
      await checkReach(examined({ api: api({ port }) }, here)),
      new RegExp(`Port ${port} of 127\\.0\\.0\\.1.*cannot be reached \\(ECONNREFUSED\\)`),
    );
    assert.deepEqual(bad(await checkReach(examined({ api: api({ port }) }, { ...here, offline: true }))), []);
  });
});
