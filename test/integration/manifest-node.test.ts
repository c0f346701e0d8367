// A whole node steered by an editor alone: a saved file runs a game, a changed one changes it, a removed one ends it and
// keeps its files, across restarts and sudden ends of the daemon.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { needsDocker } from '../support/docker.ts';
import { LiveNode } from '../support/live-node.ts';
import type { ServerInput } from '../support/node-client.ts';
import { until } from '../support/until.ts';

const skip = await needsDocker();

test('a game follows its file from the first save to the last', { skip, timeout: 180_000 }, async (t) => {
  let directory = '';
  const node = await LiveNode.make(t, {
    change: (config) => {
      directory = join(config.aileron.store.path, '../manifests');
      return { ...config, aileron: { ...config.aileron, manifests: directory } };
    },
  });
  mkdirSync(directory, { recursive: true });
  const path = join(directory, 'arena.yaml');
  const save = (spec: ServerInput) => {
    const metadata = { name: 'arena' };
    writeFileSync(path, stringify({ apiVersion: 'aileron.dev/v1', kind: 'Server', metadata, spec }));
  };
  const spec = node.input({ power: { desired: 'Running' } });
  save(spec);
  await node.start();
  const { metadata, spec: made } = await node.running('arena');
  assert.deepEqual(made.owner, { kind: 'Manifest', ref: 'arena.yaml' });

  save({ ...spec, limits: { memory: 96 } });
  await node.api.until('arena', 'the limit is there', ({ spec }) => spec.limits.memory === 96);
  await node.api.patch('arena', { spec: { limits: { memory: 1 } } });
  await until('the limit is back', 10_000, async () => {
    return (
      (await node.api.get('arena'))?.spec.limits.memory === 96 &&
      (await node.api.reasons('arena')).includes('DriftReverted')
    );
  });

  writeFileSync(join(directory, 'broken.yaml'), 'a: [');
  const readiness = `http://127.0.0.1:${node.daemon.opsPort}/readyz?verbose`;
  const told = await until('the mistake is told', 10_000, async () => {
    const answer = await fetch(readiness);
    const text = await answer.text();
    return text.includes('broken.yaml') && { status: answer.status, text };
  });
  assert.equal(told.status, 200);
  assert.match(told.text, /^\[\+\]manifests ok: broken\.yaml:1: /m);

  rmSync(path);
  await sleep(6_000);
  await node.daemon.kill();
  await node.start();
  await sleep(6_000);
  // Nothing was pruned while another file is broken, and the process was taken over.
  assert.equal((await node.running('arena')).metadata.uid, metadata.uid);
  await node.daemon.kill();
  rmSync(join(directory, 'broken.yaml'));
  const startedAt = performance.now();
  await node.start();
  await node.api.untilGone('arena', 60_000);
  assert.ok(performance.now() - startedAt > 5_000, 'too soon');
  assert.ok((await node.api.reasons('arena')).includes('Pruned'));
  assert.deepEqual(await node.containers('arena'), []);
  assert.equal(node.starts(made.uuid ?? ''), 1);

  save(spec);
  const again = await until('it is there again', 20_000, () => node.api.get('arena'));
  assert.equal(again.spec.uuid, made.uuid);
  await node.running('arena');
  assert.equal(node.starts(made.uuid ?? ''), 2);
});
