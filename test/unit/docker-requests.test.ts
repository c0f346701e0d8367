// What the adapter asks an engine: versions, paths, headers, and what it reads out of honest answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { endpointFrom } from '../../src/docker/endpoint.ts';
import { DockerError, type PullProgress } from '../../src/docker/engine.ts';
import { pullQuery } from '../../src/docker/images.ts';
import { sampleOf } from '../../src/docker/stats.ts';
import { dockerStub, json } from '../support/docker-stub.ts';

test('reads the endpoint from the variables every Docker client knows', () => {
  const target = (env: Record<string, string>) => endpointFrom(env).target;
  assert.deepEqual(target({}), { protocol: 'http:', socketPath: '/var/run/docker.sock' });
  assert.deepEqual(target({ DOCKER_HOST: '' }), { protocol: 'http:', socketPath: '/var/run/docker.sock' });
  assert.deepEqual(target({ DOCKER_HOST: 'unix:///run/d.sock' }), { protocol: 'http:', socketPath: '/run/d.sock' });
  assert.deepEqual(target({ DOCKER_HOST: 'tcp://box:2375' }), { protocol: 'http:', hostname: 'box', port: 2375 });
  assert.deepEqual(target({ DOCKER_HOST: 'tcp://[::1]' }), { protocol: 'http:', hostname: '::1', port: 2375 });
  assert.deepEqual(target({ DOCKER_HOST: 'tcp://box', DOCKER_TLS_VERIFY: '1' }), {
    protocol: 'https:',
    hostname: 'box',
    port: 2376,
    rejectUnauthorized: true,
  });
  assert.equal(endpointFrom({ DOCKER_API_VERSION: 'v1.40' }).apiVersion, '1.40');
  assert.throws(() => target({ DOCKER_HOST: 'ssh://box' }), /DOCKER_HOST is "ssh:\/\/box"/);
  assert.throws(() => target({ DOCKER_HOST: 'nonsense' }), /DOCKER_HOST/);
  assert.throws(() => endpointFrom({ DOCKER_API_VERSION: 'new' }), /DOCKER_API_VERSION/);
  assert.throws(() => target({ DOCKER_HOST: 'tcp://box', DOCKER_CERT_PATH: '/nowhere' }), /DOCKER_CERT_PATH \/nowhere/);
});

test('speaks the version of the engine, and asks again after an outage', async (t) => {
  const stub = await dockerStub(t, (_request, response) => json(response, []));
  const docker = createDockerEngine(stub.env);
  await docker.listContainers({});
  await stub.stop();
  await assert.rejects(docker.listContainers({}));
  stub.apiVersion = '1.30';
  await stub.start();
  await docker.listContainers({});
  assert.deepEqual(
    stub.requests.map((request) => request.split('/')[1]),
    ['v1.41', 'v1.30'],
  );
});

test('asks again when an engine was exchanged between two calls', async (t) => {
  const stub = await dockerStub(t, (request, response) => {
    if (request.url?.startsWith(`/v${stub.apiVersion}/`)) json(response, []);
    else
      json(
        response,
        { message: `client version 1.41 is too new. Maximum supported API version is ${stub.apiVersion}` },
        400,
      );
  });
  const docker = createDockerEngine(stub.env);
  await docker.listContainers({});
  stub.apiVersion = '1.40';
  await docker.listContainers({});
  assert.equal(stub.requests.length, 3);
});

test('does not speak a version newer than it knows, unless the engine has dropped all others', async (t) => {
  let MinAPIVersion = '1.24';
  const stub = await dockerStub(t, (request, response) =>
    json(response, request.url === '/version' ? { MinAPIVersion } : []),
  );
  stub.apiVersion = '9.9';
  await createDockerEngine(stub.env).listContainers({});
  MinAPIVersion = '3.0';
  await createDockerEngine(stub.env).listContainers({});
  const versions = stub.requests
    .filter((request) => request !== 'GET /version')
    .map((request) => request.split('/')[1]);
  assert.match(versions[0] ?? '', /^v1\.\d+$/);
  assert.equal(versions[1], 'v3.0');
});

test('a pinned version is not negotiated', async (t) => {
  const stub = await dockerStub(t, (_request, response) => json(response, []));
  await createDockerEngine({ ...stub.env, DOCKER_API_VERSION: '1.33' }).listContainers({});
  assert.match(stub.requests[0] ?? '', /^GET \/v1\.33\//);
});

test('many calls at the start share one negotiation, and one that gives up does not end it for the others', async (t) => {
  const stub = await dockerStub(t, (_request, response) => json(response, { Id: 'x' }));
  const { promise, resolve } = Promise.withResolvers<void>();
  stub.pingable = promise;
  const docker = createDockerEngine(stub.env);
  const giveUp = new AbortController();
  const given = docker.inspectContainer('a', giveUp.signal);
  const other = docker.inspectContainer('b');
  giveUp.abort(new Error('given up'));
  await assert.rejects(given, /given up/);
  resolve();
  assert.equal((await other)?.id, 'x');
});

test('names cannot leave their place in the path', async (t) => {
  const stub = await dockerStub(t, (_request, response) => json(response, {}, 404));
  const docker = createDockerEngine(stub.env);
  for (const name of ['', '.', '..']) await assert.rejects(docker.inspectContainer(name), DockerError);
  await assert.rejects(docker.inspectImage('a//b'), DockerError);
  await docker.inspectContainer('../../info?x=1#');
  await docker.inspectImage('registry:5000/a/b@sha256:1');
  assert.deepEqual(stub.requests, [
    'GET /v1.41/containers/..%2F..%2Finfo%3Fx%3D1%23/json',
    'GET /v1.41/images/registry%3A5000/a/b%40sha256%3A1/json',
  ]);
});

test('a pull always names one tag or digest', () => {
  assert.deepEqual(pullQuery('busybox'), { fromImage: 'busybox', tag: 'latest' });
  assert.deepEqual(pullQuery('a/b:java_21'), { fromImage: 'a/b', tag: 'java_21' });
  assert.deepEqual(pullQuery('registry:5000/a/b'), { fromImage: 'registry:5000/a/b', tag: 'latest' });
  assert.deepEqual(pullQuery('registry:5000/a/b:1'), { fromImage: 'registry:5000/a/b', tag: '1' });
  assert.deepEqual(pullQuery('a/b:1@sha256:ff'), { fromImage: 'a/b', tag: 'sha256:ff' });
});

test('a pull sends credentials and platform, and reports layers', async (t) => {
  let auth: unknown;
  const stub = await dockerStub(t, (request, response) => {
    auth = request.headers['x-registry-auth'];
    response.write('{"status":"Pulling from a/b","id":"1"}\r\n{"status":"Downloading","progressDetail":{"current":3,');
    response.end('"total":9},"progress":"[=>   ]","id":"layer"}\r\n{"status":"Status: done"}\r\n');
  });
  const seen: PullProgress[] = [];
  await createDockerEngine(stub.env).pullImage('a/b:1', {
    auth: { username: 'ünï', password: 'p?>~~~' },
    platform: 'linux/arm64',
    onProgress: (progress) => seen.push(progress),
  });
  assert.deepEqual(stub.requests, ['POST /v1.41/images/create?fromImage=a%2Fb&tag=1&platform=linux%2Farm64']);
  // Padded: Docker drops what is not, and says nothing.
  assert.match(String(auth), /^(?:[\w-]{4})*[\w-]{2}==$/);
  assert.deepEqual(JSON.parse(Buffer.from(String(auth), 'base64url').toString()), {
    username: 'ünï',
    password: 'p?>~~~',
  });
  assert.deepEqual(seen, [
    { layer: '1', status: 'Pulling from a/b', progress: '' },
    { layer: 'layer', status: 'Downloading', progress: '[=>   ]', current: 3, total: 9 },
    { status: 'Status: done', progress: '' },
  ]);
});

test('an error inside the stream of a pull is an error of the pull', async (t) => {
  const stub = await dockerStub(t, (_request, response) => {
    response.end(
      '{"status":"Pulling"}\r\n{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}\r\n',
    );
  });
  await assert.rejects(
    createDockerEngine(stub.env).pullImage('x:1', {}),
    (error) => error instanceof DockerError && error.message === 'manifest unknown',
  );
});

test('giving up a pull closes its connection', async (t) => {
  const closed = Promise.withResolvers<void>();
  const stub = await dockerStub(t, (_request, response) => {
    response.write('{"status":"Pulling"}\r\n');
    response.on('close', () => closed.resolve());
  });
  const giveUp = new AbortController();
  const pull = createDockerEngine(stub.env).pullImage('x:1', {
    signal: giveUp.signal,
    onProgress: () => giveUp.abort(new Error('given up')),
  });
  await assert.rejects(pull, /given up/);
  await closed.promise;
});

test('an attach asks for raw streams and switches the detach keys off', async (t) => {
  const stub = await dockerStub(t);
  const console = await createDockerEngine(stub.env).attachContainer('x', { tty: true, stdin: true });
  console.close();
  const query = new URLSearchParams(stub.requests[0]?.split('?')[1]);
  assert.deepEqual(Object.fromEntries(query), {
    stream: 'true',
    stdin: 'true',
    stdout: 'true',
    stderr: 'true',
    detachKeys: 'ctrl-_,ctrl-_,ctrl-_,ctrl-_,ctrl-_,ctrl-_,ctrl-_,ctrl-_',
  });
});

test('reads the counters of both cgroup versions', () => {
  const sample = {
    read: '2026-01-01T00:00:01Z',
    preread: '2026-01-01T00:00:00Z',
    cpu_stats: { cpu_usage: { total_usage: 20, percpu_usage: [1, 2, 3] }, system_cpu_usage: 200 },
    precpu_stats: { cpu_usage: { total_usage: 10 }, system_cpu_usage: 100 },
    memory_stats: { usage: 50, limit: 100, stats: { total_inactive_file: 7 } },
    networks: { eth0: { rx_bytes: 1, tx_bytes: 2 }, eth1: { rx_bytes: 3, tx_bytes: 4 } },
    blkio_stats: {
      io_service_bytes_recursive: [
        { op: 'Read', value: 5 },
        { op: 'write', value: 6 },
        { op: 'Total', value: 11 },
      ],
    },
  };
  assert.deepEqual(sampleOf(sample), {
    read: sample.read,
    preread: sample.preread,
    cpuTotal: 20,
    previousCpuTotal: 10,
    systemCpu: 200,
    previousSystemCpu: 100,
    onlineCpus: 3,
    memoryUsage: 50,
    memoryLimit: 100,
    totalInactiveFile: 7,
    inactiveFile: 0,
    networkRx: 4,
    networkTx: 6,
    blockRead: 5,
    blockWrite: 6,
  });
  const second = sampleOf({
    cpu_stats: { online_cpus: 4 },
    memory_stats: { stats: { inactive_file: 8 } },
    blkio_stats: { io_service_bytes_recursive: null },
  });
  assert.deepEqual(
    [second.onlineCpus, second.inactiveFile, second.blockRead, 'totalInactiveFile' in second],
    [4, 8, 0, false],
  );
});
