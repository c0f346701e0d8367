// Commands around the daemon: the way from Wings, tokens, completion, and the cache that makes the next start cheaper.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { anyUuid } from '../support/builders.ts';
import { aileron, CliNode } from '../support/cli-node.ts';
import { needsDocker } from '../support/docker.ts';
import { runProgram } from '../support/run-program.ts';

const skip = await needsDocker();

test('adopt asks the running Wings and notes what it says', { timeout: 60_000 }, async (t) => {
  const node = await CliNode.make(t);
  const seen: string[] = [];
  const wings = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify([{ state: 'running', configuration: { uuid: anyUuid } }]));
  });
  await new Promise<void>((resolve) => wings.listen(node.ports.api, '127.0.0.1', resolve));
  t.after(() => wings.close());
  const file = join(node.directory, 'root/states.json');
  writeFileSync(file, `{"${anyUuid}":"offline"}`);

  const dry = await node.run(['adopt', '--dry-run']);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, new RegExp(`^SERVER +STATE\\n${anyUuid} +running\\n$`));
  assert.match(dry.stderr, /was not written \(--dry-run\)/);
  assert.equal(readFileSync(file, 'utf8'), `{"${anyUuid}":"offline"}`);

  const done = await node.run(['adopt', '--json']);
  assert.deepEqual(JSON.parse(done.stdout), { [anyUuid]: 'running' });
  assert.match(done.stderr, /Wrote the states of 1 server \(1 running\) to .*\nNow stop Wings/);
  assert.equal(readFileSync(file, 'utf8'), `{"${anyUuid}":"running"}\n`);
  assert.equal(seen[0], 'GET /api/servers Bearer a-token-of-the-test-0123456789abcdef');

  wings.close();
  wings.closeAllConnections();
  const gone = await node.run(['adopt']);
  assert.equal(gone.code, 5);
  assert.match(
    gone.stderr,
    /^aileron: Wings does not answer at http:\/\/127\.0\.0\.1:\d+ \(nobody listens there\); run this while it still runs\./,
  );
});

test('a token opens the console it was made for, and no other', { skip, timeout: 60_000 }, async (t) => {
  const node = await CliNode.make(t);
  await node.start();
  for (const name of ['one', 'two']) await node.run(['apply', '-f', await node.manifest(name)]);
  const make = async (...more: string[]) =>
    JSON.parse((await node.run(['token', '--server', 'one', '--json', ...more])).stdout) as {
      token: string;
      socket: string;
      origin: string;
    };
  const { token, socket, origin } = await make('--permission', 'control.console', '--expires', '1m');
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
  assert.deepEqual(claims.permissions, ['websocket.connect', 'control.console']);
  assert.equal(claims.exp - claims.iat, 60);
  assert.equal((await answerTo(socket, origin, token)).event, 'auth success');

  const other = JSON.parse((await node.run(['get', 'server', 'two', '-o', 'json'])).stdout).spec.uuid;
  const refused = await answerTo(socket.replace(/[0-9a-f-]{36}/, other), origin, token);
  assert.equal(refused.event, 'jwt error');

  const plain = await node.run(['token', '--server', other]);
  assert.match(plain.stdout, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  assert.equal((await node.run(['token', '--server', 'one', '--expires', '2h'])).code, 2);
});

async function answerTo(url: string, origin: string, token: string): Promise<{ event: string }> {
  const socket = new WebSocket(url, { origin });
  try {
    await once(socket, 'open');
    const message = once(socket, 'message');
    socket.send(JSON.stringify({ event: 'auth', args: [token] }));
    return JSON.parse(String((await message)[0]));
  } finally {
    socket.terminate();
  }
}

test('bash completes commands, options and names of servers', { skip, timeout: 60_000 }, async (t) => {
  const node = await CliNode.make(t);
  await node.start();
  for (const name of ['lobby', 'lounge']) await node.run(['apply', '-f', await node.manifest(name)]);
  const complete = async (...words: string[]) => {
    const script = `source <('${aileron}' completion bash)
COMP_WORDS=('${aileron}' ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
_aileron; printf '%s\\n' "\${COMPREPLY[@]}"; complete -p aileron`;
    const { code, stdout, stderr } = await runProgram('bash', ['--norc', '-c', script], {
      env: node.env,
      cwd: node.directory,
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /complete -F _aileron aileron\n$/);
    return stdout.split('\n').slice(0, -2).filter(Boolean);
  };
  assert.deepEqual(await complete('dec'), []);
  assert.deepEqual(await complete('des'), ['describe']);
  assert.deepEqual(await complete('console', 'l'), ['lobby', 'lounge']);
  assert.deepEqual(await complete('get', 'server/lou'), ['server/lounge']);
  assert.deepEqual(await complete('restart', '--t'), ['--timeout']);
  assert.deepEqual(await complete('apply', '-f', 'lob'), ['lobby.json']);
});

test('zsh and fish can read their completions', { timeout: 30_000 }, async (t) => {
  for (const shell of ['zsh', 'fish']) {
    const { code, stdout } = await runProgram(aileron, ['completion', shell]);
    assert.equal(code, 0);
    const program = ['/bin', '/usr/bin', '/usr/local/bin']
      .map((folder) => join(folder, shell))
      .find((path) => existsSync(path));
    if (!program) {
      t.diagnostic(`${shell} is not here`);
      continue;
    }
    const checked = await runProgram(program, ['-n'], { input: stdout });
    assert.equal(checked.stderr, '');
  }
});

test('what was compiled is kept through a kill, and the next daemon needs no stripper of types', {
  skip,
  timeout: 90_000,
}, async (t) => {
  const node = await CliNode.make(t);
  const memory: number[] = [];
  for (const signal of ['SIGKILL', 'SIGKILL', 'SIGTERM'] as const) {
    await node.start();
    await sleep(500);
    memory.push(Number(/^RssAnon:\s+(\d+)/m.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'))?.[1]) / 1024);
    await node.stop(signal);
  }
  const cache = join(node.state, 'compile-cache');
  assert.equal(statSync(cache).mode & 0o777, 0o700);
  const [cold = 0, warm = 0, third = 0] = memory;
  t.diagnostic(`anonymous memory: ${memory.map((mb) => mb.toFixed(0)).join(', ')} MB`);
  assert.ok(cold - warm > 15, `${cold} and then ${warm} MB`);
  assert.ok(Math.abs(warm - third) < 12, `${warm} and then ${third} MB`);
});

test('a daemon without a cache works as well', { skip, timeout: 60_000 }, async (t) => {
  const node = await CliNode.make(t);
  const own = join(node.directory, 'aileron.yml');
  writeFileSync(own, readFileSync(own, 'utf8').replace(/store:\n {2}path: (.*?) #.*/, 'store: { path: $1 }'), {
    mode: 0o600,
  });
  await node.start();
  assert.equal((await node.run(['get', 'nodes'])).code, 0);
  assert.equal(existsSync(join(node.state, 'compile-cache')), false);
});

test('the caller cannot name a cache of his own (covers: SEC-125)', { timeout: 30_000 }, async (t) => {
  const node = await CliNode.make(t);
  const folder = join(node.directory, 'foreign');
  const { code } = await node.run(['version'], { env: { ...node.env, NODE_COMPILE_CACHE: folder } });
  assert.equal(code, 0);
  assert.equal(existsSync(folder), false);
});
