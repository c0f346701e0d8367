// What the engine's adapter makes of answers that are wrong, endless, cut off or missing.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { test } from 'node:test';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { DockerError, DockerUnreachableError } from '../../src/docker/engine.ts';
import { dockerStub, json } from '../support/docker-stub.ts';
import { FakeClock } from '../support/fake-clock.ts';

const never = new AbortController().signal;
const mebibyte = Buffer.alloc(1024 * 1024, 'x');

test('nobody at the socket is unreachable, with the address in the message', async (t) => {
  const stub = await dockerStub(t);
  await stub.stop();
  const docker = createDockerEngine(stub.env);
  await assert.rejects(
    docker.ping(),
    (error) => error instanceof DockerUnreachableError && error.message.includes(stub.env.DOCKER_HOST),
  );
  writeFileSync(stub.env.DOCKER_HOST.slice('unix://'.length), '');
  await assert.rejects(docker.listContainers({}), DockerUnreachableError);
});

test('an engine that takes the question and says nothing is unreachable after 30 s', async (t) => {
  const asked = Promise.withResolvers<void>();
  const stub = await dockerStub(t, () => asked.resolve());
  const clock = new FakeClock();
  const docker = createDockerEngine(stub.env, { clock });
  const outcome = assert.rejects(
    docker.inspectContainer('demo'),
    (error) => error instanceof DockerUnreachableError && /within 30 s/.test(error.message),
  );
  await asked.promise;
  await clock.advance(30_000);
  await outcome;
});

test('an answer that stops in the middle is unreachable after 30 s too', async (t) => {
  const asked = Promise.withResolvers<void>();
  const stub = await dockerStub(t, (_request, response) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('{"Id":', () => asked.resolve());
  });
  const clock = new FakeClock();
  const outcome = assert.rejects(
    createDockerEngine(stub.env, { clock }).inspectContainer('demo'),
    DockerUnreachableError,
  );
  await asked.promise;
  await clock.advance(30_000);
  await outcome;
});

test('half an answer is unreachable, never half a result (covers: SEC-90)', async (t) => {
  const half = (response: ServerResponse) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('[]', () => response.socket?.destroy());
  };
  const stub = await dockerStub(t, (_request, response) => half(response));
  const docker = createDockerEngine(stub.env);
  await assert.rejects(docker.listContainers({}), DockerUnreachableError);
  await assert.rejects(docker.containerLogs('demo', { tty: true }), DockerUnreachableError);
  await assert.rejects(docker.pullImage('x:1', {}), DockerUnreachableError);
  const { exit } = await docker.openExitWait('demo', never);
  await assert.rejects(exit, DockerUnreachableError);
});

test('something that is not Docker is unreachable', async (t) => {
  const stub = await dockerStub(t);
  stub.apiVersion = '';
  await assert.rejects(createDockerEngine(stub.env).ping(), /not Docker/);
});

test('bytes that are not HTTP are unreachable', async (t) => {
  const stub = await dockerStub(t);
  await stub.stop();
  const server = net.createServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n'));
  await new Promise<void>((resolve) => server.listen(stub.env.DOCKER_HOST.slice('unix://'.length), resolve));
  t.after(() => server.close());
  await assert.rejects(createDockerEngine(stub.env).ping(), DockerUnreachableError);
});

test('an error keeps its status and the words of Docker', async (t) => {
  const stub = await dockerStub(t, (_request, response) => json(response, { message: 'no room left' }, 507));
  await assert.rejects(createDockerEngine(stub.env).listContainers({}), (error) => {
    assert.ok(error instanceof DockerError);
    assert.deepEqual([error.status, error.message], [507, 'no room left']);
    return true;
  });
});

test('a redirect is an error and is not followed', async (t) => {
  const stub = await dockerStub(t, (_request, response) => {
    response.writeHead(301, { Location: 'http://127.0.0.1:1/elsewhere' });
    response.end();
  });
  await assert.rejects(
    createDockerEngine(stub.env).listContainers({}),
    (error) => error instanceof DockerError && error.status === 301,
  );
  assert.equal(stub.requests.length, 1);
});

test('garbage instead of JSON is an error (covers: SEC-90)', async (t) => {
  const stub = await dockerStub(t, (_request, response) => response.end('<html>'));
  const docker = createDockerEngine(stub.env);
  await assert.rejects(docker.listContainers({}), DockerError);
  await assert.rejects(docker.pullImage('x:1', {}), DockerError);
  await assert.rejects(async () => {
    for await (const event of await docker.openEvents({ signal: never })) assert.fail(event.action);
  }, DockerError);
});

test('JSON of another shape gives empty fields, not an exception', async (t) => {
  const stub = await dockerStub(t, (_request, response) =>
    json(response, { State: [], Config: 7, Mounts: 'x', Id: null }),
  );
  const info = await createDockerEngine(stub.env).inspectContainer('demo');
  assert.deepEqual([info?.id, info?.running, info?.mounts], ['', false, []]);
});

test('an endless answer, line or error text is cut off at its bound (covers: SEC-90)', async (t) => {
  let sent = 0;
  const stub = await dockerStub(t, (request, response) => {
    sent = 0;
    response.writeHead(request.url?.includes('/networks/') ? 500 : 200);
    const pour = () => {
      for (let more = true; more && !response.destroyed; sent += mebibyte.length) more = response.write(mebibyte);
    };
    response.on('drain', pour);
    pour();
  });
  const docker = createDockerEngine(stub.env);
  const first = async (stream: AsyncIterable<unknown>) => {
    for await (const item of stream) return item;
    return undefined;
  };
  const endless: [string, () => Promise<unknown>][] = [
    ['answer', () => docker.listContainers({})],
    ['error', () => docker.inspectNetwork('x')],
    ['event', async () => first(await docker.openEvents({ signal: never }))],
    ['sample', () => first(docker.containerStats('x', never))],
    ['pull', () => docker.pullImage('x:1', {})],
    ['exit', async () => (await docker.openExitWait('x', never)).exit],
  ];
  for (const [what, call] of endless) {
    await assert.rejects(call(), (error) => error instanceof DockerError && /longer than/.test(error.message), what);
    assert.ok(sent < 32 * mebibyte.length, `${what}: ${sent} bytes were taken`);
  }
});

test('a log is kept to its last MiB however long it is', async (t) => {
  const stub = await dockerStub(t, (_request, response) => {
    for (let piece = 0; piece < 5; piece++) response.write(mebibyte);
    response.end('the end');
  });
  const log = await createDockerEngine(stub.env).containerLogs('x', { tty: true });
  assert.equal(log.length, mebibyte.length);
  assert.ok(log.toString('latin1').endsWith('the end'));
});

test('a frame header that claims 4 GiB ends the stream (covers: SEC-90)', async (t) => {
  const claim = Buffer.from('01000000ffffffff', 'hex');
  const stub = await dockerStub(t, (_request, response) => {
    response.write(claim);
    response.write(mebibyte);
  });
  stub.onUpgrade = (socket) => {
    socket.write(frame('first'));
    socket.write(claim);
    socket.write(mebibyte);
  };
  const docker = createDockerEngine(stub.env);
  await assert.rejects(docker.containerLogs('x', { tty: false }), /not framed/);
  const console = await docker.attachContainer('x', { tty: false, stdin: false });
  const seen: string[] = [];
  await assert.rejects(async () => {
    for await (const piece of console.output) seen.push(piece.toString());
  }, /not framed/);
  assert.deepEqual(seen, ['first']);
});

test('frames cut anywhere come out whole and in order', async (t) => {
  const stub = await dockerStub(t);
  const bytes = Buffer.concat([frame('one\n'), frame(''), frame('two\n', 2), frame('three\n')]);
  stub.onUpgrade = async (socket) => {
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.end();
  };
  const console = await createDockerEngine(stub.env).attachContainer('x', { tty: false, stdin: false });
  let text = '';
  for await (const piece of console.output) text += piece.toString();
  assert.equal(text, 'one\ntwo\nthree\n');
});

test('a console that breaks is unreachable, not ended', async (t) => {
  const stub = await dockerStub(t);
  let theirs: Duplex | undefined;
  stub.onUpgrade = (socket) => {
    socket.pause();
    socket.write('hello');
    theirs = socket;
  };
  const console = await createDockerEngine(stub.env).attachContainer('x', { tty: true, stdin: true });
  await assert.rejects(async () => {
    for await (const piece of console.output) {
      assert.equal(piece.toString(), 'hello');
      // Closing a socket with unread bytes in it resets the connection.
      await console.write(Buffer.from('x'));
      theirs?.destroy();
    }
  }, DockerUnreachableError);
  await assert.rejects(console.write(Buffer.from('x')), DockerError);
});

test('output that nobody reads waits in Docker, not here', async (t) => {
  const stub = await dockerStub(t);
  let taken = 0;
  stub.onUpgrade = (socket) => {
    const pour = () => {
      while (socket.write(mebibyte, () => (taken += mebibyte.length)));
    };
    socket.on('drain', pour);
    pour();
  };
  const console = await createDockerEngine(stub.env).attachContainer('x', { tty: true, stdin: true });
  t.after(() => console.close());
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve));
  assert.ok(taken <= 4 * mebibyte.length, `${taken} bytes were taken`);
});

test('input that the process leaves unread is refused at 1 MiB', async (t) => {
  const stub = await dockerStub(t);
  stub.onUpgrade = (socket) => socket.pause();
  const console = await createDockerEngine(stub.env).attachContainer('x', { tty: true, stdin: true });
  const writes: Promise<void>[] = [];
  let refusal: unknown;
  for (let line = 0; line < 100 && !refusal; line++) {
    const write = console.write(Buffer.alloc(64 * 1024, 'x'));
    writes.push(write);
    await Promise.race([write, new Promise((resolve) => setImmediate(resolve))]).catch((error) => {
      refusal = error;
    });
  }
  assert.ok(refusal instanceof DockerError && refusal.status === 503, String(refusal));
  console.close();
  await Promise.allSettled(writes);
});

function frame(text: string, stream = 1): Buffer {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(text.length, 4);
  return Buffer.concat([header, Buffer.from(text)]);
}
