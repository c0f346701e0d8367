// The journal on the disk: what it keeps over restarts, what it lets go, what it takes over from Wings, and that nobody
// waits for it.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { createActivityMetrics } from '../../../src/activity/activity-metrics.ts';
import type { Row } from '../../../src/activity/entries.ts';
import { longestAgeMs } from '../../../src/activity/journal.ts';
import { WorkerJournal } from '../../../src/activity/worker-journal.ts';
import { anActivity, anActor, aTransfer, aWingsDatabase } from '../../support/activity.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { metricValue } from '../../support/metric-value.ts';
import { recordedLog } from '../../support/recorded-log.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { until } from '../../support/until.ts';

interface Options {
  directory: string;
  wingsPath?: string;
  mostRows?: number;
}

function aJournal(t: TestContext, { directory, ...rest }: Options) {
  const clock = new FakeClock();
  const log = recordedLog();
  const registry = new Registry();
  const metrics = createActivityMetrics(registry);
  const path = join(directory, 'activity.db');
  const journal = new WorkerJournal({ path, clock, log, metrics, ...rest });
  t.after(() => journal.close());
  const dropped = (reason: string) => metricValue(registry, 'aileron_activity_dropped_total', { reason });
  const all = async () => (await journal.page('plain', 0, 1_000_000)).map(({ activity }) => activity);
  return { clock, log, registry, path, journal, dropped, all };
}

const numbered = (index: number) => anActivity({ metadata: { index } });
const many = (count: number) => Array.from({ length: count }, (_, index) => numbered(index));

test('rows that wait are there after a restart, in order, and ids are never used again (activity 8.8)', async (t) => {
  const directory = temporaryDirectory(t);
  const first = aJournal(t, { directory });
  for (const activity of many(300)) first.journal.add(activity);
  first.journal.add(aTransfer('/a'));
  const rows = await first.journal.page('plain', 0, 1_000);
  await first.journal.remove(rows.slice(0, 100).map(({ id }) => id));
  assert.deepEqual(first.journal.waiting, { plain: 200, sftp: 1 });
  await first.journal.close();
  assert.equal(statSync(first.path).mode & 0o777, 0o600);

  const second = aJournal(t, { directory });
  assert.equal(second.journal.waiting, undefined);
  assert.deepEqual(await second.all(), many(300).slice(100));
  assert.deepEqual(second.journal.waiting, { plain: 200, sftp: 1 });
  assert.equal(await metricValue(second.registry, 'aileron_activity_waiting', { lane: 'plain' }), 200);
  const left = [...(await second.journal.page('plain', 0, 1_000)), ...(await second.journal.page('sftp', 0, 1_000))];
  await second.journal.remove(left.map(({ id }) => id));
  second.journal.add(anActivity());
  const [added] = await second.journal.page('plain', 0, 1);
  assert.ok((added?.id ?? 0) > Math.max(...[...rows, ...left].map(({ id }) => id)));
});

test('rows are found by lane, behind a row, and only so many', async (t) => {
  const { journal } = aJournal(t, { directory: temporaryDirectory(t) });
  for (const activity of [numbered(0), aTransfer('/a'), numbered(1), aTransfer('/b'), numbered(2)])
    journal.add(activity);
  const [first, second] = await journal.page('plain', 0, 2);
  assert.deepEqual([first?.activity, second?.activity], [numbered(0), numbered(1)]);
  assert.deepEqual(
    (await journal.page('plain', second?.id ?? 0, 10)).map(({ activity }) => activity),
    [numbered(2)],
  );
  assert.equal((await journal.page('sftp', 0, 10)).length, 2);
});

test('of too many rows the oldest go, with one line and a count (covers: SEC-109)', async (t) => {
  const { journal, log, all, dropped } = aJournal(t, { directory: temporaryDirectory(t), mostRows: 50 });
  for (const activity of many(60)) journal.add(activity);
  assert.deepEqual(await all(), many(60).slice(10));
  for (const activity of many(5)) journal.add(activity);
  await all();
  assert.equal(await dropped('overflow'), 15);
  assert.equal(log.find({ level: 'warn' }).length, 1);
});

test('rows that no Panel would keep any more go (covers: SEC-109)', async (t) => {
  const directory = temporaryDirectory(t);
  const { journal, clock, all, dropped } = aJournal(t, { directory });
  journal.add(numbered(1));
  await all();
  await clock.advance(longestAgeMs + 1);
  journal.add(anActivity({ timestamp: new Date(clock.now()).toISOString() }));
  assert.equal((await all()).length, 1);
  assert.equal(await dropped('age'), 1);
});

test('90,000 rows are removed without a limit of parameters (covers: SEC-109)', { timeout: 120_000 }, async (t) => {
  const directory = temporaryDirectory(t);
  const { journal } = aJournal(t, { directory });
  for (let round = 0; round < 10; round += 1) {
    for (const activity of many(9_000)) journal.add(activity);
    await journal.page('plain', 0, 1);
  }
  const rows: Row[] = [];
  for (let after = 0; ; ) {
    const page = await journal.page('plain', after, 100_000);
    if (page.length === 0) break;
    rows.push(...page);
    after = page.at(-1)?.id ?? 0;
  }
  assert.equal(rows.length, 90_000);
  await journal.remove(rows.map(({ id }) => id));
  assert.deepEqual(journal.waiting, { plain: 0, sftp: 0 });
});

const wingsRows = [
  { event: 'server:power.start', ip: '203.0.113.7', timestamp: '2026-01-01 10:00:00.514426017+00:00' },
  {
    ...{ event: 'server:sftp.rename', ip: '203.0.113.7', timestamp: '2026-01-01T12:00:01+02:00', user: null },
    metadata: '{"from":"/a","to":"/b"}',
  },
  { event: 'server:console.command', metadata: 'broken', ip: '', timestamp: '2026-01-01 10:00:02 +0000 UTC' },
  { event: 'server:power.stop', ip: '203.0.113.7', timestamp: '2026-01-01 10:00:03Z', server: 'no uuid' },
];

test('what Wings had not sent is taken over once, and its file stays as it is', async (t) => {
  const directory = temporaryDirectory(t);
  const wingsPath = join(directory, 'wings.db');
  aWingsDatabase(wingsPath, wingsRows);
  const before = readFileSync(wingsPath);
  const first = aJournal(t, { directory, wingsPath });
  assert.deepEqual(await first.all(), [
    anActivity({ timestamp: '2026-01-01T10:00:00.514426017Z' }),
    anActivity({ event: 'server:console.command', ip: '127.0.0.1', timestamp: '2026-01-01T10:00:02Z' }),
  ]);
  const [rename] = await first.journal.page('sftp', 0, 10);
  assert.deepEqual(rename?.activity, {
    ...anActivity({ event: 'server:sftp.rename', user: null, metadata: { from: '/a', to: '/b' } }),
    timestamp: '2026-01-01T10:00:01Z',
  });
  assert.equal(await first.dropped('invalid'), 1);
  assert.deepEqual(readFileSync(wingsPath), before);
  await first.journal.close();

  const second = aJournal(t, { directory, wingsPath });
  assert.equal((await second.all()).length, 2);
  await second.journal.close();

  // Wings ran again for a while.
  aWingsDatabase(wingsPath, [{ event: 'server:power.kill', ip: '::1', timestamp: '2026-01-02 10:00:00+00:00' }]);
  const third = aJournal(t, { directory, wingsPath });
  assert.deepEqual(
    (await third.all()).map(({ event, user }) => [event, user]),
    [
      ['server:power.start', anActor],
      ['server:console.command', anActor],
      ['server:power.kill', anActor],
    ],
  );
});

test('a database of Wings that cannot be read keeps nobody from recording', async (t) => {
  const directory = temporaryDirectory(t);
  const wingsPath = join(directory, 'wings.db');
  writeFileSync(wingsPath, 'no database at all, but long enough for a header of one'.repeat(100));
  const { journal, log, all } = aJournal(t, { directory, wingsPath });
  journal.add(numbered(1));
  assert.deepEqual(await all(), [numbered(1)]);
  assert.match(String(log.find({ level: 'warn' })[0]?.fields['warning']), /wings\.db could not be read/);
});

test('a root directory without a database of Wings, or with another one, is nothing special', async (t) => {
  const directory = temporaryDirectory(t);
  const wingsPath = join(directory, 'wings.db');
  const first = aJournal(t, { directory, wingsPath });
  assert.deepEqual(await first.all(), []);
  await first.journal.close();
  new DatabaseSync(wingsPath).exec('CREATE TABLE other (id INTEGER)');
  const second = aJournal(t, { directory, wingsPath });
  assert.deepEqual(await second.all(), []);
  assert.deepEqual([...first.log.lines, ...second.log.lines], []);
});

test('a damaged journal is set aside and begun anew', async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, 'activity.db'), 'damage'.repeat(2_000));
  const { journal, log, path, all } = aJournal(t, { directory });
  journal.add(numbered(1));
  assert.deepEqual(await all(), [numbered(1)]);
  assert.equal(existsSync(`${path}.damaged`), true);
  assert.equal(log.find({ level: 'warn' }).length, 1);
});

test('while nothing can be stored it is counted and said once, and goes on as soon as it can', async (t) => {
  const directory = join(temporaryDirectory(t), 'not there yet');
  const { journal, log, all, dropped } = aJournal(t, { directory });
  journal.add(numbered(1));
  journal.add(numbered(2));
  await assert.rejects(all(), /unable to open|ENOENT/);
  assert.equal(await dropped('not_stored'), 2);
  assert.equal(log.find({ level: 'error' }).length, 1);
  mkdirSync(directory);
  journal.add(numbered(3));
  assert.deepEqual(await all(), [numbered(3)]);
});

test('a journal of a newer version is left as it is', async (t) => {
  const directory = temporaryDirectory(t);
  const database = new DatabaseSync(join(directory, 'activity.db'));
  database.exec('CREATE TABLE activity (other TEXT); PRAGMA user_version = 2');
  database.close();
  const { all, path } = aJournal(t, { directory });
  await assert.rejects(all(), /has format 2, this version knows 1/);
  assert.equal(existsSync(`${path}.damaged`), false);
});

test('its thread goes when there is nothing to do, and the next one finds everything', async (t) => {
  const directory = temporaryDirectory(t);
  const { journal, clock, all, path } = aJournal(t, { directory });
  journal.add(numbered(1));
  await all();
  assert.equal(existsSync(`${path}-wal`), true);
  await clock.advance(30_000);
  // The last connection takes its log with it.
  await until('the file is closed', 10_000, async () => !existsSync(`${path}-wal`));
  assert.deepEqual(await all(), [numbered(1)]);
});

test('after the end nothing is taken any more, and nobody is bothered', async (t) => {
  const { journal, dropped } = aJournal(t, { directory: temporaryDirectory(t) });
  journal.add(numbered(1));
  await journal.close();
  journal.add(numbered(2));
  await assert.rejects(journal.page('plain', 0, 1), /closed/);
  assert.equal(await dropped('not_stored'), 1);
});
