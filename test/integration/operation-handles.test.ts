// Backups that are called off again and again, at work and in the queue, leave nothing in the daemon: no descriptor, no
// process, no file.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { BackupNode, jobsOf } from '../support/backup-node.ts';
import { needsDocker } from '../support/docker.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 120_000 };
const atWork = 8;
const inQueue = 100;

test('many backups called off leave no descriptor open (backups 15.15, rule 17)', options, async (t) => {
  const bench = await BackupNode.make(t, { backups: { writeLimit: 1_000_000 }, bytes: 8_000_000 });
  const { node } = bench;
  const handles = () => readdirSync(`/proc/${node.daemon.pid}/fd`).length;
  const callOff = async (name: string) => {
    await bench.patch(name, { cancel: true });
    await bench.untilPhase(name, 'Cancelled');
  };
  const oneAtWork = async (name: string) => {
    await bench.create(name);
    await bench.until(name, 'it is at work', ({ status }) => status?.phase === 'Archiving');
    await callOff(name);
  };
  await oneAtWork('first');
  const before = handles();
  for (let n = 0; n < atWork; n++) await oneAtWork(`work-${n}`);
  await bench.create('head');
  const names = Array.from({ length: inQueue }, (_, n) => `queue-${n}`);
  for (const name of names) await bench.create(name);
  // One call after the other: each that went beside another would be a connection more.
  for (const name of names) await bench.patch(name, { cancel: true });
  for (const name of names) await bench.untilPhase(name, 'Cancelled');
  await callOff('head');
  await until('the handles are what they were', 10_000, async () => Math.abs(handles() - before) <= 2);
  assert.deepEqual(jobsOf(node.daemon.pid), []);
  assert.deepEqual(bench.files(), []);
  assert.equal(bench.completions().length, 1 + atWork + 1 + inQueue);
});
