// Installations as people with kubectl know them: apply, get -w, wait, describe, cancel.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { systemClock } from '../../src/clock/clock.ts';
import { kubeconfig } from '../../src/http/kube/pki/kubeconfig.ts';
import { ensurePki } from '../../src/http/kube/pki/pki.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { needsDocker } from '../support/docker.ts';
import { inVolume, scriptOf } from '../support/installations.ts';
import { missingKubectl, runKubectl } from '../support/kube.ts';
import { LiveNode } from '../support/live-node.ts';
import { until } from '../support/until.ts';

const options = { skip: (await missingKubectl()) || (await needsDocker()), timeout: 120_000 };

test('an installation is applied, watched, waited for, described and called off with kubectl', options, async (t) => {
  const node = await LiveNode.make(t);
  await node.start();
  const uuid = await node.add('demo');
  const directory = join(node.config.aileron.store.path, '..', 'pki');
  const pki = await ensurePki({ directory, host: '127.0.0.1', clock: systemClock, log: silentLogger });
  const config = join(node.directory, 'kubeconfig');
  writeFileSync(config, kubeconfig({ host: '127.0.0.1', port: node.daemon.kubePort, pki }), { mode: 0o600 });
  const manifest = (name: string, ...lines: string[]) =>
    JSON.stringify({
      ...{ apiVersion: 'aileron.dev/v1', kind: 'Installation', metadata: { name } },
      spec: { serverRef: { name: 'demo' }, script: scriptOf(node, ...lines) },
    });
  const kubectl = async (args: string[], input = '') => {
    const { code, out, err } = await runKubectl(config, node.directory, args, input);
    assert.equal(code, 0, err);
    return out;
  };

  const rows: string[] = [];
  const env = { PATH: process.env['PATH'] ?? '', HOME: node.directory, KUBECONFIG: config };
  const watch = spawn('kubectl', ['get', 'inst', '-w', '--no-headers'], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(() => watch.kill());
  createInterface({ input: watch.stdout }).on('line', (line) => rows.push(line));

  const first = manifest('first', 'echo hello', 'sleep 1', 'echo data > /mnt/server/data', 'exit 3');
  assert.match(await kubectl(['apply', '-f', '-'], first), /installation.*\/first created/);
  const waiting = ['wait', '--for=condition=Complete', 'installation/first', '--timeout=60s'];
  assert.match(await kubectl(waiting), /condition met/);
  assert.equal(inVolume(node, uuid, 'data'), 'data\n');
  for (const phase of ['Preparing', 'Running', 'Completed']) {
    const row = new RegExp(`first\\s+${phase}`);
    await until(`the watch has shown ${phase}`, 10_000, async () => row.test(rows.join('\n')));
  }
  assert.match(await kubectl(['get', 'installations']), /first\s+Completed\s+demo\s+false\s+3\s/);
  assert.match(await kubectl(['describe', 'installation', 'first']), /The script ended with exit code 3/);

  await kubectl(['apply', '-f', '-'], manifest('second', 'sleep 600'));
  await kubectl(['wait', '--for=jsonpath={.status.phase}=Running', 'inst/second', '--timeout=60s']);
  const refused = await runKubectl(config, node.directory, ['apply', '-f', '-'], manifest('third', 'true'));
  assert.match(refused.err, /An installation is already running for this server/);
  await kubectl(['patch', 'inst', 'second', '--type=merge', '-p', '{"spec":{"cancel":true}}']);
  await kubectl(['wait', '--for=condition=Failed', 'installation/second', '--timeout=60s']);
  assert.match(await kubectl(['get', 'inst', 'second', '-o', 'wide']), /The installation was cancelled\./);
});
