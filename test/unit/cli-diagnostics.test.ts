import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { exitCodes } from '../../src/cli/exit-codes.ts';
import { runCommand } from '../../src/cli/program.ts';
import { type TestIo, testIo } from '../support/cli-io.ts';
import { temporaryDirectory } from '../support/node-config.ts';

function node(t: TestContext) {
  const directory = temporaryDirectory(t);
  const path = join(directory, 'config.yml');
  const yaml = `token: the-node-token\nremote: https://panel.example\nsystem: {log_directory: ${directory}, root_directory: ${directory}}\n`;
  writeFileSync(path, yaml, { mode: 0o600 });
  writeFileSync(join(directory, 'wings.log'), 'first\nlast the-node-token\n');
  // Nobody listens there.
  const io = testIo({ env: { DOCKER_HOST: `unix://${directory}/docker.sock` } });
  return { io, directory, run: (...words: string[]) => runCommand(io, ['diagnostics', '--config', path, ...words]) };
}

test('without a terminal nothing is asked, nothing is sent, and no secret is shown', async (t) => {
  const { io, run } = node(t);
  assert.equal(await run('--log-lines', '1'), 0);
  assert.match(io.out(), /^-+ {2}generated report {2}-+\nPelican Wings - Diagnostics Report\n/);
  assert.match(io.out(), /\| Latest Wings Logs\n\| -+\nlast \*\*\*\n-+ {3}end of report {4}-+\n$/);
  assert.match(io.out(), /Docker does not answer/);
  assert.doesNotMatch(io.out(), /panel\.example|the-node-token|first/);
});

test('options say what is in it', async (t) => {
  const { io, run } = node(t);
  await run('--endpoints', '--no-logs');
  assert.match(io.out(), /https:\/\/panel\.example/);
  assert.match(io.out(), /Logs redacted\./);
  assert.equal(await run('--log-lines', '0').catch((error: { exitCode: number }) => error.exitCode), exitCodes.usage);
});

test('--upload sends what was printed and prints the link', async (t) => {
  let body = '';
  const site = createServer((request, response) => {
    request.on('data', (chunk) => {
      body += String(chunk);
    });
    request.on('end', () => response.end(request.url === '/documents' ? '{"key":"abc"}' : ''));
  });
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
  t.after(() => void site.close());
  const url = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  const { io, run } = node(t);
  assert.equal(await run('--upload', '--hastebin-url', `${url}/`), 0);
  assert.ok(io.out().endsWith(`\n${url}/abc\n`));
  assert.match(body, /^Pelican Wings - Diagnostics Report\n/);
  assert.ok(io.out().includes(body.trimEnd()));
  await assert.rejects(run('--upload', '--hastebin-url', `${url}/elsewhere`), /did not take the report/);
});

/** Whoever sits there answers each question, in this order. */
function person(io: TestIo, answers: readonly string[]): TestIo {
  const keys = Object.assign(new PassThrough(), { isTTY: true });
  const stdin = keys as unknown as NodeJS.ReadStream;
  let asked = '';
  let given = 0;
  io.stderr.on('data', (text: string) => {
    asked += text;
    for (; given < answers.length && asked.split(/\((?:Y\/n|y\/N)\) /).length > given + 1; given += 1) {
      keys.write(`${answers[given]}\n`);
    }
  });
  return { ...io, stdin };
}

for (const [what, last, sent] of [
  ['a yes', 'yes', 1],
  ['a no', 'n', 0],
  ['nothing but Enter', '', 0],
  ['something else, and then a no', 'perhaps\nno', 0],
] as const) {
  test(`whoever is asked has seen the text, and ${what} decides whether it is sent (covers: SEC-116)`, async (t) => {
    const bodies: string[] = [];
    const site = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += String(chunk);
      });
      request.on('end', () => {
        bodies.push(body);
        response.end('{"key":"abc"}');
      });
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    t.after(() => void site.close());
    const url = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    const { directory } = node(t);
    const terminal = testIo({ terminal: true, env: { DOCKER_HOST: `unix://${directory}/docker.sock` } });
    // Hosts: Enter. Log: Enter.
    const io = person(terminal, ['', '', ...last.split('\n')]);
    const words = ['diagnostics', '--config', join(directory, 'config.yml'), '--hastebin-url', url];
    assert.equal(await runCommand(io, words), 0);
    assert.equal(bodies.length, sent);
    assert.doesNotMatch(io.out(), /panel\.example|the-node-token/);
    const shown = /generated report {2}-+\n([\s\S]*)\n-+ {3}end of report/.exec(io.out())?.[1];
    if (sent === 1) assert.equal(bodies[0]?.trimEnd(), shown);
    // The question comes after the text.
    assert.match(io.err(), new RegExp(`Send it to ${url}\\? \\(y/N\\)`));
  });
}
