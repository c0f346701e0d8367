// Backups as people with kubectl know them: apply, get -w, wait, describe, delete.
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
import { BackupNode } from '../support/backup-node.ts';
import { needsDocker } from '../support/docker.ts';
import { missingKubectl, runKubectl } from '../support/kube.ts';

const options = { skip: (await missingKubectl()) || (await needsDocker()), timeout: 120_000 };

test('a backup is applied, watched, waited for, described and deleted with kubectl', options, async (t) => {
  const bench = await BackupNode.make(t, { backups: { writeLimit: 4_000_000 }, bytes: 24_000_000 });
  const config = await kubeconfigOf(bench);
  const kubectl = async (...args: string[]) => {
    const { code, out, err } = await runKubectl(config, bench.node.directory, args, manifest);
    assert.equal(code, 0, err);
    return out;
  };
  const manifest = JSON.stringify({
    ...{ apiVersion: 'aileron.dev/v1', kind: 'Backup', metadata: { name: 'nightly' } },
    spec: { serverRef: { name: 'demo' } },
  });
  const rows: string[] = [];
  const env = { PATH: process.env['PATH'] ?? '', HOME: bench.node.directory, KUBECONFIG: config };
  const watch = spawn('kubectl', ['get', 'backups', '-w', '--no-headers'], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.after(() => watch.kill());
  createInterface({ input: watch.stdout }).on('line', (line) => rows.push(line));

  assert.match(await kubectl('apply', '-f', '-'), /backup.*\/nightly created/);
  assert.match(await kubectl('wait', '--for=condition=Complete', 'backup/nightly', '--timeout=60s'), /condition met/);
  const text = rows.join('\n');
  const percentages = [...text.matchAll(/Archiving\s.*?\b(\d+)\b/g)].map(([, percentage]) => Number(percentage));
  assert.ok(new Set(percentages).size > 1, text);
  assert.deepEqual(
    percentages,
    percentages.toSorted((one, other) => one - other),
  );
  for (const phase of ['Pending', 'Archiving', 'Finalizing', 'Completed']) assert.match(text, new RegExp(phase));

  const described = await kubectl('describe', 'backup', 'nightly');
  for (const part of [
    /Phase:\s+Archiving/,
    /Finished At:/,
    /Checksum:/,
    /Complete\s/,
    /Archiving the files of server "demo"/,
  ])
    assert.match(described, part);

  assert.match(await kubectl('delete', 'backup', 'nightly'), /deleted/);
  assert.deepEqual(bench.files(), []);
});

test('the reason of a failure is a sentence in wait, get and describe', options, async (t) => {
  const bench = await BackupNode.make(t, { backups: { createTimeout: 1, writeLimit: 1_000_000 }, bytes: 8_000_000 });
  const config = await kubeconfigOf(bench);
  await bench.create('late');
  const run = (...args: string[]) => runKubectl(config, bench.node.directory, args);
  assert.equal((await run('wait', '--for=condition=Failed', 'backup/late', '--timeout=30s')).code, 0);
  const { out } = await run('describe', 'backup', 'late');
  assert.match(out, /The backup took longer than the 1 second that this node allows\./);
  assert.match(out, /Warning\s+Timeout/);
  assert.match((await run('get', 'backups')).out, /late\s.*Failed/);
});

async function kubeconfigOf({ node }: BackupNode): Promise<string> {
  const directory = join(node.config.aileron.store.path, '..', 'pki');
  const pki = await ensurePki({ directory, host: '127.0.0.1', clock: systemClock, log: silentLogger });
  const path = join(node.directory, 'kubeconfig');
  writeFileSync(path, kubeconfig({ host: '127.0.0.1', port: node.daemon.kubePort, pki }), { mode: 0o600 });
  return path;
}
