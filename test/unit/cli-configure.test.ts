// `aileron configure` against a Panel that is a few lines long, and the options that Wings takes before a command.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { parse } from 'yaml';
import { type ConfigureOptions, configure } from '../../src/cli/commands/configure.ts';
import { CliError, exitCodes } from '../../src/cli/exit-codes.ts';
import { runCommand } from '../../src/cli/program.ts';
import { loadConfig } from '../../src/config/load.ts';
import { testIo } from '../support/cli-io.ts';
import { temporaryDirectory } from '../support/node-config.ts';

const key = 'ptla_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG';
const answer = {
  debug: false,
  uuid: '1f0b6c1e-8c0b-4b6f-9d5b-1c0a4d5e6f70',
  token_id: 'a1B2c3D4e5F6g7H8',
  token: '0123456789012345678901234567890123456789012345678901234567890123',
  api: { host: '0.0.0.0', port: 8080, ssl: { enabled: true, cert: '/c.pem', key: '/k.pem' }, upload_limit: 256 },
  system: { data: '/srv/volumes', sftp: { bind_port: 2022 } },
  allowed_mounts: ['/srv/maps'],
  remote: 'https://panel.example.com',
};

interface Setup {
  reply?: (request: IncomingMessage, response: ServerResponse) => void;
  flavour?: string;
}

async function setUp(t: TestContext, { reply, flavour = 'pelican' }: Setup = {}) {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    if (reply) reply(request, response);
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => void server.close());
  const panel = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const path = join(temporaryDirectory(t), flavour, 'config.yml');
  const io = testIo();
  const run = (options: ConfigureOptions = {}) =>
    configure(io, { panelUrl: panel, token: key, node: '3', configPath: path, ...options });
  return { io, requests, panel, path, run };
}

test('the answer of the Panel becomes the configuration, whole', async (t) => {
  const { io, requests, panel, path, run } = await setUp(t);
  assert.equal(await run(), 0);
  assert.equal(io.out(), 'Successfully configured wings.\n');
  const [request] = requests;
  assert.equal(request?.url, '/api/application/nodes/3/configuration');
  assert.equal(request?.headers.authorization, `Bearer ${key}`);
  assert.equal(request?.headers.accept, 'application/json');
  assert.deepEqual(parse(readFileSync(path, 'utf8')), { ...answer, remote: panel });
  assert.deepEqual(parse(readFileSync(path, 'utf8'), { version: '1.1' }), { ...answer, remote: panel });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700);
  const config = await loadConfig({ path, env: {}, warn: assert.fail, remark: assert.fail });
  assert.equal(config.token.secret, answer.token);
  assert.deepEqual([config.system.data, config.allowedMounts], ['/srv/volumes', ['/srv/maps']]);
});

test('neither the key nor the token is printed (covers: SEC-124)', async (t) => {
  for (const reply of [
    undefined,
    (_: IncomingMessage, response: ServerResponse) => void response.writeHead(500).end(`no ${key} here`),
  ]) {
    const { io, run } = await setUp(t, reply ? { reply } : {});
    const error = await run().catch((failure: Error) => failure);
    const printed = `${io.out()}${io.err()}${error instanceof Error ? error.message : ''}`;
    assert.equal(printed.includes(key), false);
    assert.equal(printed.includes(answer.token), false);
  }
});

test('a Panel of Pterodactyl is asked in its own way, also below a path', async (t) => {
  const { requests, panel, path, run } = await setUp(t, { flavour: 'pterodactyl' });
  await run({ panelUrl: `${panel}/panel/` });
  assert.equal(requests[0]?.url, '/panel/api/application/nodes/3/configuration');
  assert.equal(requests[0]?.headers.accept, 'application/vnd.pterodactyl.v1+json');
  assert.equal(parse(readFileSync(path, 'utf8')).remote, `${panel}/panel`);
});

test('--config names the file when it stands alone, --config-path wins', async (t) => {
  const { path, run } = await setUp(t);
  const other = join(path, '../../other/config.yml');
  await run({ config: other });
  assert.ok(readFileSync(path));
  assert.throws(() => readFileSync(other));
  await run({ config: other, configPath: undefined as never });
  assert.ok(readFileSync(other));
});

test('a file that exists is replaced only on demand', async (t) => {
  const { path, requests, run } = await setUp(t);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, 'token: mine\n', { mode: 0o644 });
  await assert.rejects(run(), (error: unknown) => {
    assert.ok(error instanceof CliError && error.exitCode === exitCodes.failed);
    return error.message === 'Aborting process; a configuration file already exists for this node.';
  });
  assert.equal(requests.length, 0);
  assert.equal(readFileSync(path, 'utf8'), 'token: mine\n');
  await run({ override: true });
  assert.match(readFileSync(path, 'utf8'), /^token: "?0123/m);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

describe('what is missing or odd is named before anybody is asked', () => {
  for (const [title, options, expected] of [
    ['no URL', { panelUrl: undefined }, /--panel-url is missing/],
    ['no key', { token: undefined }, /--token is missing/],
    ['no node', { node: undefined }, /--node is missing/],
    ['a URL that is none', { panelUrl: 'panel.example' }, /--panel-url is the URL/],
    ['a URL of another kind', { panelUrl: 'ftp://panel.example' }, /--panel-url is the URL/],
    ['a URL with a password', { panelUrl: 'https://a:b@panel.example' }, /--panel-url is the URL/],
    ['a key with a line break', { token: 'a\r\nX: y' }, /--token is a key/],
    ['an empty key', { token: '' }, /--token is a key/],
    ['a node that is a path', { node: '3/../4' }, /--node is the number/],
  ] as const) {
    test(title, async (t) => {
      const { requests, run } = await setUp(t);
      await assert.rejects(
        run(options as unknown as ConfigureOptions),
        (error: unknown) =>
          error instanceof CliError && error.exitCode === exitCodes.usage && expected.test(error.message),
      );
      assert.equal(requests.length, 0);
    });
  }
});

describe('a Panel that does not help is told, and nothing is written', () => {
  const json = (value: unknown) => (_: IncomingMessage, response: ServerResponse) =>
    void response.end(JSON.stringify(value));
  const status =
    (code: number, text = '', headers = {}) =>
    (_: IncomingMessage, response: ServerResponse) =>
      void response.writeHead(code, headers).end(text);
  for (const [title, reply, expected] of [
    ['401', status(401), /^The authentication credentials provided were not valid\.$/],
    ['403', status(403), /^The authentication credentials provided were not valid\.$/],
    [
      '404 with a body',
      status(404, '{"errors":["\u001b[31mNot found"]}'),
      /^The Panel answered with 404: \{"errors":\["Not found"\]\}$/,
    ],
    [
      'a redirect, which gets no key',
      status(301, '', { location: 'https://www.panel.example/' }),
      /sends everybody to https:\/\/www\.panel\.example/,
    ],
    ['a page', status(200, '<html>'), /sent no configuration of a node/],
    ['a list', json([]), /sent no configuration/],
    ['an answer without a token', json({ ...answer, token: '' }), /sent no configuration/],
    [
      'a token that is a file of this machine',
      json({ ...answer, token: 'file:///etc/shadow' }),
      /names a file or a variable/,
    ],
    ['a token that is a variable', json({ ...answer, token_id: '$HOME' }), /names a file or a variable/],
    ['a port that is none', json({ ...answer, api: { port: 'x' } }), /api\.port must be a whole number/],
    [
      'an answer without end',
      (_: IncomingMessage, response: ServerResponse) => void response.end('x'.repeat(2_000_000)),
      /the answer is too long/,
    ],
  ] as const) {
    test(title, async (t) => {
      const { path, run } = await setUp(t, { reply });
      await assert.rejects(
        run(),
        expected instanceof RegExp ? (error: Error) => expected.test(error.message) : expected,
      );
      assert.throws(() => readFileSync(path), /ENOENT/);
    });
  }

  test('nobody there', async (t) => {
    const { run } = await setUp(t);
    const gone = await setUp(t);
    await assert.rejects(
      run({ panelUrl: gone.panel.replace(/\d+$/, '1') }),
      (error: unknown) =>
        error instanceof CliError &&
        error.exitCode === exitCodes.unreachable &&
        /does not answer: .*ECONNREFUSED/.test(error.message),
    );
  });
});

test('another name of the Panel is told, because browsers come from there', async (t) => {
  const { io, run } = await setUp(t);
  await run();
  assert.match(io.err(), /The Panel calls itself https:\/\/panel\.example\.com: .*allowed_origins/);
});

describe('options that Wings takes before a command', () => {
  test('go to the command that takes them', async (t) => {
    const { io, panel, path } = await setUp(t);
    const words = ['--debug', '--config', path, 'configure', '-p', panel, '-t', key, '-n', '3'];
    assert.equal(await runCommand(io, words), 0);
    assert.ok(readFileSync(path));
  });

  test('harm none that does not', async () => {
    const io = testIo();
    assert.equal(await runCommand(io, ['--config', '/x', '--debug', 'version']), 0);
    assert.match(io.out(), /^aileron v/);
  });

  test('without a command mean the daemon, and a wrong one is named', async () => {
    const io = testIo();
    assert.equal(await runCommand(io, ['--config', '/x', '--wrong']), exitCodes.usage);
    assert.match(io.err(), /unknown option '--wrong'/);
    assert.equal(await runCommand(testIo(), ['--config']), exitCodes.usage);
  });
});
