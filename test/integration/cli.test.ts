// The command line against a node with a real Docker Engine: what a person types, what is printed, and how it ends.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { aileron, CliNode } from '../support/cli-node.ts';
import { needsDocker } from '../support/docker.ts';
import { missingKubectl, runKubectl } from '../support/kube.ts';
import { runProgram } from '../support/run-program.ts';
import { until } from '../support/until.ts';

const skip = await needsDocker();

test('a server is declared, started, looked at, stopped and deleted', { skip, timeout: 120_000 }, async (t) => {
  const node = await CliNode.make(t);
  await node.start();
  const run = async (...args: string[]) => node.run(args);
  const file = await node.manifest('demo', { limits: { memory: 64 } });

  assert.deepEqual(
    await run('apply', '-f', file, '--dry-run'),
    ended(0, 'server.aileron.dev/demo created (dry run)\n'),
  );
  assert.deepEqual(await run('apply', '-f', file), ended(0, 'server.aileron.dev/demo created\n'));
  assert.deepEqual(await run('apply', '-f', file), ended(0, 'server.aileron.dev/demo unchanged\n'));
  assert.deepEqual(await run('start', 'demo', '--wait'), ended(0, 'demo: running\n'));

  const table = await run('get', 'servers');
  assert.match(table.stdout, /^NAME +STATE +READY .*\ndemo +running +True /);
  const wide = await run('get', 'server/demo', '-o', 'wide');
  assert.match(wide.stdout, /^NAME .* UUID .*\ndemo .*[0-9a-f]{8}-/);
  assert.equal((await run('get', 'gs', '-o', 'name')).stdout, 'server.aileron.dev/demo\n');
  const json = JSON.parse((await run('get', 'server', 'demo', '-o', 'json')).stdout);
  assert.equal(json.status.state, 'running');
  assert.match((await run('get', 'servers', '-o', 'yaml')).stdout, /^ {4}kind: Server$/m);

  const description = (await run('describe', 'server', 'demo')).stdout;
  assert.match(description, /^ {2}Ready +True +Running /m);
  assert.match(description, /^ {2}\S+ +Normal +Started /m);
  assert.doesNotMatch(description, /last-applied/);
  assert.match((await run('events', '--for', 'demo')).stdout, / Started +Server +demo /);
  const one = (await run('events', '--json')).stdout.split('\n')[0] ?? '';
  assert.equal(JSON.parse(one).kind, 'Event');

  const top = await until('the first sample of usage', 15_000, async () => {
    const { stdout, code } = await run('top');
    assert.equal(code, 0);
    return / [1-9][\d.]* (?:K|M)iB /.test(stdout) && stdout;
  });
  assert.match(top, /^NAME +STATE +CPU %/);
  assert.match(top, /^demo +running +\d+\.\d /m);
  assert.equal(JSON.parse((await run('top', '--json')).stdout)[0].name, 'demo');

  assert.deepEqual(await run('stop', 'demo', '--wait'), ended(0, 'demo: offline\n'));
  assert.deepEqual(await run('delete', '-f', file, '--wait'), ended(0, 'server.aileron.dev/demo deleted\n'));
  assert.deepEqual(await run('get', 'servers'), ended(0, '', 'No servers found.\n'));
});

test('what goes wrong is one sentence and an exit code', { skip, timeout: 120_000 }, async (t) => {
  const node = await CliNode.make(t);
  const without = await node.run(['get', 'servers']);
  assert.equal(without.code, 5);
  assert.match(
    without.stderr,
    /^aileron: There are no keys in .* yet: start the node once with this configuration\.\n$/,
  );

  await node.start();
  const fails = async (code: number, stderr: RegExp, ...args: string[]) => {
    const ending = await node.run(args);
    assert.equal(ending.code, code, `${args.join(' ')}: ${ending.stderr}`);
    assert.match(ending.stderr, stderr);
    assert.equal(ending.stderr.trim().split('\n').length, 1, ending.stderr);
  };
  await fails(3, /^aileron: There is no server "ghost"\.$/m, 'get', 'server', 'ghost');
  await fails(3, /"ghost" not found\.$/m, 'describe', 'server', 'ghost');
  await fails(3, /"ghost" not found\.$/m, 'start', 'ghost', '--wait');
  await fails(3, /"ghost" not found\.$/m, 'console', 'ghost');
  await fails(2, /the kinds are servers \(gs\)/, 'get', 'pods');
  const wrong = join(node.directory, 'wrong.yaml');
  writeFileSync(
    wrong,
    'apiVersion: aileron.dev/v1\nkind: Server\nmetadata: { name: x }\nspec: { image: "~a:1", frobnicate: 1 }\n',
  );
  await fails(4, /wrong\.yaml:1: .*unknown field "spec\.frobnicate"/, 'apply', '-f', wrong);

  await node.run(['apply', '-f', await node.manifest('broken', { image: '~no/such-image:1' })]);
  await fails(1, /^aileron: broken: Failed to start the server: /m, 'start', 'broken', '--wait');
  await node.run(['apply', '-f', await node.manifest('slow', { invocation: 'sleep 600' })]);
  await fails(
    1,
    /^aileron: slow: not running after 1 s; the node goes on with it\.$/m,
    'start',
    'slow',
    '--wait',
    '--timeout',
    '1s',
  );
  await node.run(['kill', 'slow', '--wait']);

  await node.stop();
  await fails(
    5,
    /^aileron: The node at https:\/\/127\.0\.0\.1:\d+ does not answer: nobody listens there; /m,
    'get',
    'servers',
  );
  await fails(5, /does not answer/, 'top');
  await fails(
    1,
    /does not exist; name another one with --config FILE\.$/m,
    'get',
    'servers',
    '--config',
    '/no/such.yml',
  );
});

test('kubectl and our apply understand each other', { skip, timeout: 60_000 }, async (t) => {
  const missing = await missingKubectl();
  if (missing) return t.skip(missing);
  const node = await CliNode.make(t);
  await node.start();
  const kubeconfig = join(node.directory, 'kubeconfig');
  writeFileSync(kubeconfig, (await node.run(['kubeconfig'])).stdout, { mode: 0o600 });
  const kubectl = (...args: string[]) => runKubectl(kubeconfig, node.directory, args);
  const object = async () =>
    JSON.parse((await node.run(['get', 'server', 'demo', '-o', 'json', '--kubeconfig', kubeconfig])).stdout);

  const first = await node.manifest('demo', { environment: { A: '1', B: '2' } });
  assert.match((await kubectl('apply', '-f', first)).out, /created/);
  // kubectl stated B, ours does not any more: it goes.
  const second = await node.manifest('demo', { environment: { A: '1' } });
  assert.equal((await node.run(['apply', '-f', second])).stdout, 'server.aileron.dev/demo configured\n');
  assert.deepEqual((await object()).spec.environment, { A: '1' });
  const same = await kubectl('apply', '-f', second);
  assert.match(same.out, /unchanged/);
  assert.equal(same.err, '');
  // The other way round.
  const third = await node.manifest('demo', { environment: { C: '3' } });
  await node.run(['apply', '-f', third]);
  const fourth = await node.manifest('demo', {});
  assert.match((await kubectl('apply', '-f', fourth)).out, /configured/);
  assert.deepEqual((await object()).spec.environment, {});
});

test('a watch shows changes and outlives a restart of the node', { skip, timeout: 60_000 }, async (t) => {
  const node = await CliNode.make(t);
  await node.start();
  await node.run(['apply', '-f', await node.manifest('one')]);
  const watch = node.terminal(['get', 'servers', '-w']);
  await watch.waitFor('one', { ms: 10_000 });
  await node.run(['apply', '-f', await node.manifest('two')]);
  await watch.waitFor('two', { ms: 10_000 });
  await node.stop();
  await watch.waitFor('Trying again.', { ms: 10_000 });
  await node.start();
  await node.run(['apply', '-f', await node.manifest('three')]);
  await watch.waitFor('three', { ms: 20_000 });
});

test('whoever reads only the first lines leaves no error behind', { skip, timeout: 60_000 }, async (t) => {
  const node = await CliNode.make(t);
  await node.start();
  for (const name of ['one', 'two', 'three']) await node.run(['apply', '-f', await node.manifest(name)]);
  const bash = (line: string) => runProgram('bash', ['-c', line], { env: node.env, timeout: 20_000 });
  assert.deepEqual(await bash(`'${aileron}' get servers -o json | head -1`), ended(0, '{\n'));
  const watch = bash(`'${aileron}' get servers -w | head -1`);
  // It learns that nobody reads any more when it writes.
  const stop = new AbortController();
  const changes = (async () => {
    for (let count = 0; !stop.signal.aborted; count += 1) {
      await node.run(['apply', '-f', await node.manifest('one', { invocation: `game ${count}` })]);
    }
  })();
  const { stdout, stderr } = await watch;
  stop.abort();
  await changes;
  assert.match(stdout, /^NAME .*\n$/);
  assert.equal(stderr, '');
});

function ended(code: number, stdout: string, stderr = '') {
  return { code, stdout, stderr };
}
