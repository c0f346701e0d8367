// The doctor on a node that is well, and on one with something broken each time: what is wrong is named, with what to do.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { CliNode } from '../support/cli-node.ts';
import { needsDocker } from '../support/docker.ts';
import { until } from '../support/until.ts';

const skip = await needsDocker();

interface Report {
  healthy: boolean;
  problems: number;
  findings: { check: string; level: 'ok' | 'warning' | 'problem'; says: string; remedy?: string }[];
}

async function examine(node: CliNode, env: NodeJS.ProcessEnv = {}): Promise<Report & { code: number | null }> {
  const { code, stdout, stderr } = await node.run(['doctor', '--json'], { env: { ...node.env, ...env } });
  assert.equal(stderr, '');
  return { code, ...(JSON.parse(stdout) as Report) };
}

function found({ findings }: Report, check: string, pattern: RegExp, level = 'problem'): void {
  const hit = findings.find((one) => one.check === check && one.level === level && pattern.test(one.says));
  assert.ok(hit, `no ${level} of ${check} says ${pattern}: ${JSON.stringify(findings, undefined, 1)}`);
  assert.match(hit.remedy ?? '', /\.$/);
}

test('a node that is well has no problem, with the daemon and without, until it is renamed', {
  skip,
  timeout: 120_000,
}, async (t) => {
  const node = await CliNode.make(t);
  const before = await examine(node);
  assert.deepEqual([before.code, before.healthy], [0, true], JSON.stringify(before));
  found(before, 'daemon', /^The daemon does not run$/, 'warning');

  await node.start();
  const during = await examine(node);
  assert.deepEqual([during.code, during.healthy], [0, true], JSON.stringify(during));
  const says = during.findings.map((one) => one.says);
  for (const expected of [
    `The daemon runs (process ${node.pid})`,
    'It is ready',
    'The API for consoles answers; there is no server to open one of',
  ])
    assert.ok(says.includes(expected), `${expected}: ${says.join('\n')}`);
  await node.run(['apply', '-f', await node.manifest('demo')]);
  assert.ok((await examine(node)).findings.some((one) => one.says === 'A console opens'));

  const text = await node.run(['doctor']);
  assert.equal(text.code, 0);
  assert.match(text.stdout, /^ok {7}docker {7}Docker \S+ answers/m);
  assert.match(text.stdout, /\n0 problems, \d warnings?\.\n$|\nNothing is wrong\.\n$/);

  const { items } = JSON.parse((await node.run(['get', 'nodes', '-o', 'json'])).stdout) as {
    items: { metadata: { name: string } }[];
  };
  const name = items[0]?.metadata.name ?? assert.fail();
  await node.stop();
  node.env['AILERON_NODE_NAME'] = 'renamed';
  await node.start();
  const renamed = await until('the node knows', 30_000, async () => {
    const report = await examine(node);
    return report.findings.some(({ says }) => says.startsWith('Objects of other nodes')) && report;
  });
  found(renamed, 'daemon', new RegExp(`the node is "renamed": 1 of "${name}"$`), 'warning');
  assert.ok(renamed.findings.some(({ remedy }) => remedy?.includes(`set nodeName: ${name} in aileron.yml`)));
});

test('what is broken is named', { skip, timeout: 60_000 }, async (t) => {
  const node = await CliNode.make(t, { manifests: 'objects' });
  await node.start();
  await node.stop();
  const manifests = join(node.directory, 'objects');
  mkdirSync(manifests);
  writeFileSync(
    join(manifests, 'bad.yaml'),
    'apiVersion: aileron.dev/v1\nkind: Server\nmetadata: { name: x }\nspec:\n  image: 7\n',
  );
  chmodSync(join(node.state, 'pki', 'token'), 0o644);
  writeFileSync(join(node.state, 'pki', 'server.key'), 'damaged', { mode: 0o600 });
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(node.ports.kube, '127.0.0.1', resolve));
  t.after(() => holder.close());

  const report = await examine(node, { DOCKER_HOST: `unix://${node.directory}/no.sock` });
  assert.deepEqual([report.code, report.healthy], [1, false]);
  found(report, 'docker', /^Docker is not there: .*no\.sock does not exist$/);
  found(
    report,
    'ports',
    new RegExp(
      `^Port ${node.ports.kube}, where the kube API should listen, is held by .*\\(process ${process.pid}\\)$`,
    ),
  );
  found(report, 'files', /token is a key or a token and is open to other users \(mode 0644\)$/);
  found(report, 'certificates', /^The serving certificate of the kube API does not go with its key$/);
  found(report, 'manifests', /^bad\.yaml:5: spec\.image: /);
  assert.equal(report.problems, report.findings.filter(({ level }) => level === 'problem').length);
});

test('settings that cannot be used are told, the rest is looked at all the same', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const node = await CliNode.make(t);
  writeFileSync(node.config, `${readFileSync(node.config, 'utf8')}debug: perhaps\n`, { mode: 0o600 });
  chmodSync(node.config, 0o640);
  const report = await examine(node);
  assert.equal(report.code, 1);
  found(report, 'config', /config\.yml holds the token of the node and is open to other users \(mode 0640\)$/);
  found(report, 'config', /config\.yml, line \d+: debug must be true or false, not "perhaps"$/);
  assert.ok(report.findings.some(({ check }) => check === 'versions'));
});

test('a daemon that was started with other settings is told', { skip, timeout: 60_000 }, async (t) => {
  const node = await CliNode.make(t);
  await node.start();
  await node.run(['apply', '-f', await node.manifest('demo')]);
  writeFileSync(node.config, readFileSync(node.config, 'utf8').replace('a-token-of-the-test', 'another-token'), {
    mode: 0o600,
  });
  const report = await examine(node);
  assert.equal(report.code, 1);
  found(report, 'console', /^The node does not take a token made with .*: .*HMAC verification failed$/);
});
