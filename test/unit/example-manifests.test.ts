// The manifests that people copy are taken by the node as they are, and follow from each other.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { Backup } from '../../src/resources/backup.ts';
import { AdmissionBench, writeContext } from '../support/an-admission.ts';
import { checkout } from '../support/source-files.ts';

const folder = join(checkout, 'manifests/examples');

test('there is an example of each kind that is about backups', () => {
  assert.deepEqual(readdirSync(folder).sort(), ['backup.yaml', 'restore.yaml', 'schedule.yaml']);
});

test('the example manifests are what the node would take, one after the other', async () => {
  const bench = new AdmissionBench();
  const strict = writeContext({ warn: (warning) => assert.fail(warning) });
  const demo = parse(readFileSync(join(checkout, 'manifests/demo/server.yaml'), 'utf8'));
  await bench.admission.create('Server', demo, strict);
  for (const kind of ['Backup', 'Restore', 'Schedule']) {
    const text = readFileSync(join(folder, `${kind.toLowerCase()}.yaml`), 'utf8');
    const created = await bench.admission.create(kind, parse(text), strict);
    for (const [, name] of text.matchAll(/(?:backup|restore)\/([a-z-]+) --timeout/g))
      assert.equal(name, created.metadata.name, 'the name in the comment');
    if (kind === 'Backup') await bench.store.updateStatus({ ...(created as Backup), status: { phase: 'Completed' } });
  }
  const schedule = parse(readFileSync(join(folder, 'schedule.yaml'), 'utf8'));
  assert.deepEqual(schedule.spec.template.serverSelector.matchLabels, demo.metadata.labels, 'it is about the demo');
});
