// What clients of the node API can hold open, and how long: bodies that do not come, bytes that nobody wants, answers that
// nobody takes; and TLS, with a certificate that is renewed while the node runs.
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { makeAuthority, makeServingPair } from '../../src/http/kube/pki/make.ts';
import { backupLink, putArchive } from '../support/api-archives.ts';
import { apiDoor, of } from '../support/api-door.ts';
import { ConsoleNode } from '../support/console-node.ts';
import { settle } from '../support/fake-clock.ts';
import { descriptorsBelow } from '../support/open-descriptors.ts';
import { nodeSecret } from '../support/signed-token.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { until } from '../support/until.ts';

/** A connection that has sent this head, and what came back so far. */
async function begun(port: number, lines: string[], body = ''): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {}); // To be cut off is what is looked at.
  await once(socket, 'connect');
  let text = '';
  socket.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
  });
  socket.write(`${lines.join('\r\n')}\r\nhost: node\r\nauthorization: Bearer ${nodeSecret}\r\n\r\n${body}`);
  return { socket, text: () => text };
}

const untilTrue = (what: string, is: () => boolean) => until(what, 30_000, async () => is());

test('a body that does not arrive is waited for half a minute (covers: SEC-52)', async (t) => {
  const { node } = await apiDoor(t);
  const { socket, text } = await begun(
    node.port,
    [`POST ${of('/power')} HTTP/1.1`, 'content-length: 100'],
    '{"action":',
  );
  const timers = node.clock.pendingTimers;
  await untilTrue('it waits', () => node.clock.pendingTimers > timers);
  await node.clock.advance(29_999);
  assert.equal(text(), '');
  await node.clock.advance(1);
  await untilTrue('it is answered', () => text().includes('\r\n\r\n'));
  assert.match(text(), /^HTTP\/1\.1 408 /);
  assert.match(text(), /"The body of the request did not arrive in time\."/);
  await node.clock.advance(5_000);
  await untilTrue('the connection is gone', () => socket.destroyed);
});

test('bytes that nobody reads do not hold a connection for ever (covers: SEC-52)', async (t) => {
  const { node } = await apiDoor(t);
  const { socket, text } = await begun(node.port, [`POST ${of('/sync')} HTTP/1.1`, 'content-length: 100000'], 'x');
  await untilTrue('it is answered', () => text().includes('\r\n\r\n'));
  assert.match(text(), /^HTTP\/1\.1 204 /);
  socket.write('x');
  await settle();
  assert.equal(socket.destroyed, false);
  await node.clock.advance(5_000);
  await untilTrue('the connection is gone', () => socket.destroyed);
});

test('a connection goes on when its bodies were read (covers: SEC-52)', async (t) => {
  const { node } = await apiDoor(t);
  const head = [`POST ${of('/power')} HTTP/1.1`, 'content-length: 17'];
  const { socket, text } = await begun(node.port, head, '{"action":"kill"}');
  await untilTrue('it is answered', () => text().includes('HTTP/1.1 202'));
  await node.clock.advance(60_000);
  socket.write(`GET /api/servers HTTP/1.1\r\nhost: node\r\nauthorization: Bearer ${nodeSecret}\r\n\r\n`);
  await untilTrue('it is answered again', () => text().includes('HTTP/1.1 200'));
  socket.destroy();
});

test('a download that nobody takes is given up, and its file closed (covers: SEC-52)', async (t) => {
  const { node } = await apiDoor(t);
  putArchive(node, { bytes: Buffer.alloc(64 * 1024 * 1024) });
  const socket = connect({ host: '127.0.0.1', port: node.port });
  socket.on('error', () => {}); // To be cut off is what is looked at.
  socket.write(`GET ${backupLink(node)} HTTP/1.1\r\nhost: node\r\n\r\n`);
  await once(socket, 'readable');
  const answered = () => node.log.find({ message: 'the node API answered' }).length;
  const before = answered();
  assert.equal(descriptorsBelow(node.config.system.backupDirectory).length, 1);
  await until('it is over', 30_000, async () => {
    await node.clock.advance(15_000);
    return answered() > before && descriptorsBelow(node.config.system.backupDirectory).length === 0;
  });
  socket.destroy();
});

interface Pair {
  cert: string;
  key: string;
}

/** Writes a certificate of a name into the files. */
async function certify({ cert, key }: Pair, name: string): Promise<string> {
  const validity = { from: new Date('2020-01-01'), to: new Date('2120-01-01') };
  const pair = await makeServingPair(await makeAuthority('test', validity), [name], validity);
  writeFileSync(cert, pair.certificate);
  writeFileSync(key, pair.key);
  return new X509Certificate(pair.certificate).fingerprint256;
}

/** Of the certificate that the node shows. */
async function shown(port: number): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { fingerprint256 } = socket.getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

test('a renewed certificate is shown within a minute, a broken one is not taken (covers: SEC-58)', async (t) => {
  const directory = temporaryDirectory(t);
  const ssl = { cert: join(directory, 'fullchain.pem'), key: join(directory, 'privkey.pem') };
  const first = await certify(ssl, 'one.example');
  const node = await ConsoleNode.start(t, { ssl });
  assert.equal(await shown(node.port), first);
  const status = await new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${nodeSecret}` };
    const options = { host: '127.0.0.1', port: node.port, path: '/api/servers', headers, rejectUnauthorized: false };
    const call = request({ ...options, agent: false }, (answer) => resolve(answer.resume().statusCode));
    call.on('error', reject).end();
  });
  assert.equal(status, 200);

  const pass = async () => {
    await until('the files were looked at', 30_000, async () => node.clock.pendingTimers > 0);
    await node.clock.advance(60_000);
  };
  const second = await certify(ssl, 'two.example');
  await until('it is shown', 30_000, async () => {
    await pass();
    return (await shown(node.port)) === second;
  });
  writeFileSync(ssl.key, 'nonsense');
  await until('it is complained of', 30_000, async () => {
    await pass();
    return node.log.find({ level: 'error' }).length > 0;
  });
  assert.equal(await shown(node.port), second);
  rmSync(ssl.cert);
  await pass();
  assert.equal(await shown(node.port), second);
  const third = await certify(ssl, 'three.example');
  await until('the next good one is shown', 30_000, async () => {
    await pass();
    return (await shown(node.port)) === third;
  });
});

test('TLS 1.2 or newer with the suites and curves of the list, HTTP/1.1, and any name (covers: SEC-58, SEC-59)', async (t) => {
  const directory = temporaryDirectory(t);
  const ssl = { cert: join(directory, 'c.pem'), key: join(directory, 'k.pem') };
  await certify(ssl, 'one.example');
  const { port } = await ConsoleNode.start(t, { ssl });
  const meet = async (options: ConnectionOptions) => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    const { alpnProtocol } = socket;
    const [protocol, cipher] = [socket.getProtocol(), socket.getCipher().name];
    socket.destroy();
    return [protocol, cipher, alpnProtocol];
  };
  assert.deepEqual(
    (await meet({ ALPNProtocols: ['h2', 'http/1.1'] })).filter((_, at) => at !== 1),
    ['TLSv1.3', 'http/1.1'],
  );
  const [older, cipher] = await meet({ maxVersion: 'TLSv1.2' });
  assert.deepEqual([older, /^ECDHE-ECDSA-(AES\d+-GCM|CHACHA20)/.test(String(cipher))], ['TLSv1.2', true]);
  const weak = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const refused: ConnectionOptions[] = [
    weak,
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' },
    { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
    { ecdhCurve: 'P-521' },
    { ALPNProtocols: ['h2'] },
  ];
  for (const options of refused) await assert.rejects(meet(options), JSON.stringify(options));
  for (const servername of ['', 'random.example', `${'x'.repeat(63)}.example`, '*.example', 'xn--nxasmq6b'])
    assert.equal((await meet({ servername }))[0], 'TLSv1.3', servername);
});

test('what is encrypted counts as one connection, and gives its place back (covers: SEC-56)', async (t) => {
  const directory = temporaryDirectory(t);
  const ssl = { cert: join(directory, 'c.pem'), key: join(directory, 'k.pem') };
  await certify(ssl, 'one.example');
  const { port } = await ConsoleNode.start(t, { ssl, connections: { most: 2, isExempt: () => false } });
  /** Undefined: cut off. */
  const enter = async () => {
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }).on('error', () => {});
    let isIn = false;
    socket.once('secureConnect', () => {
      isIn = true;
    });
    await until('it is in, or cut off', 30_000, async () => isIn || socket.closed);
    return isIn ? socket : undefined;
  };
  for (let round = 0; round < 3; round++) {
    const sockets = [1, 2].map(() => until('there is a place', 30_000, enter));
    for (const socket of sockets) assert.ok(await socket);
    assert.equal(await enter(), undefined);
    for (const socket of sockets) (await socket).destroy();
  }
});

test('a node whose certificate cannot be used does not start, and says which setting it is', async (t) => {
  const directory = temporaryDirectory(t);
  const ssl = { cert: join(directory, 'c.pem'), key: join(directory, 'k.pem') };
  const start = () => ConsoleNode.start({ after: () => {} }, { ssl, directory });
  await assert.rejects(start(), /api\.ssl\.(cert|key) cannot be read/);
  await certify(ssl, 'one.example');
  const other = { cert: join(directory, 'x.pem'), key: ssl.key };
  await certify(other, 'two.example');
  await assert.rejects(start(), /the files of api\.ssl cannot be used/);
});
