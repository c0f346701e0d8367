// Who is told of what a user did, and how the parts of activity work together on a real disk.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import type { Activity } from '../../../src/activity/activity.ts';
import { type ActivityOptions, createActivity } from '../../../src/activity/create-activity.ts';
import { panelSender } from '../../../src/activity/panel-send.ts';
import { type ActivityMessage, Bus } from '../../../src/bus/bus.ts';
import { PanelResponseError, PanelUnreachableError } from '../../../src/panel/panel-errors.ts';
import { anActivity, anActor, aWingsDatabase } from '../../support/activity.ts';
import { anyUuid } from '../../support/builders.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { metricValue } from '../../support/metric-value.ts';
import { recordedLog } from '../../support/recorded-log.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { until } from '../../support/until.ts';

function bench(t: TestContext, options: Partial<ActivityOptions> & { directory?: string } = {}) {
  const { directory = temporaryDirectory(t), ...rest } = options;
  const clock = new FakeClock();
  const registry = new Registry();
  const bus = new Bus((error) => {
    throw error;
  });
  const seen: ActivityMessage[] = [];
  bus.subscribe(anyUuid, 'activity', (message) => void seen.push(message));
  const taken: Activity[] = [];
  const activity = createActivity({
    ...{ flavour: 'pterodactyl', bus, clock, registry, log: recordedLog(), sendInterval: 60, sendCount: 100 },
    path: join(directory, 'activity.db'),
    wingsPath: join(directory, 'wings.db'),
    send: async (entries) => {
      taken.push(...entries);
      return 'accepted';
    },
    ...rest,
  });
  t.after(() => activity.close());
  return { ...activity, clock, registry, seen, taken, directory };
}

const start = { server: anyUuid, event: 'server:power.start', user: anActor, ip: '203.0.113.7' };

test('a record is seen at once and sent at the end of the daemon', async (t) => {
  const { recorder, seen, taken, close, clock } = bench(t);
  recorder.record(start);
  const timestamp = new Date(clock.now()).toISOString();
  assert.deepEqual(seen, [{ event: start.event, user: anActor, metadata: {}, timestamp }]);
  await close();
  assert.deepEqual(taken, [anActivity({ timestamp })]);
});

test('what waits from before, and what Wings left, is sent after one interval (activity 8.8)', async (t) => {
  const directory = temporaryDirectory(t);
  const down = async () => {
    throw new PanelUnreachableError('down');
  };
  aWingsDatabase(join(directory, 'wings.db'), [
    { event: 'server:power.stop', ip: '203.0.113.7', timestamp: '2025-12-31 23:00:00+00:00' },
  ]);
  const first = bench(t, { directory, send: down });
  first.recorder.record(start);
  await first.close();
  const second = bench(t, { directory });
  second.start();
  await second.clock.advance(59_999);
  await settle();
  assert.deepEqual(second.taken, []);
  await second.clock.advance(1);
  await until('both are sent', 10_000, async () => second.taken.length === 2);
  assert.deepEqual(
    second.taken.map(({ event }) => event),
    ['server:power.stop', 'server:power.start'],
  );
});

test('a crash is told to the Panel that has words for it', async (t) => {
  const crash = { server: anyUuid, event: 'server:crashed', metadata: { exit_code: 137, oomkilled: false, logs: [] } };
  for (const [flavour, expected] of [
    ['pterodactyl', 0],
    ['pelican', 1],
  ] as const) {
    const { recorder, seen, taken, close } = bench(t, { flavour });
    recorder.record(crash);
    await close();
    assert.equal(taken.length, expected);
    assert.equal(seen.length, 1);
  }
});

test('what no Panel could take is counted', async (t) => {
  const { recorder, registry } = bench(t);
  recorder.record({ ...start, server: 'demo' });
  assert.equal(await metricValue(registry, 'aileron_activity_dropped_total', { reason: 'invalid' }), 1);
});

test('without a Panel it is seen and not kept', async (t) => {
  const { recorder, seen, registry, close } = bench(t, { send: undefined });
  recorder.record(start);
  await close();
  assert.equal(seen.length, 1);
  assert.equal(await metricValue(registry, 'aileron_activity_dropped_total', { reason: 'not_stored' }), 0);
});

test('an answer of the Panel says whether the entries are at fault (covers: SEC-109)', async () => {
  const complaint = { code: 'X', detail: 'x', fields: ['data.0.ip'] };
  const answering = (error?: Error) =>
    panelSender({
      reportActivity: async () => {
        if (error) throw error;
      },
    })([anActivity()], new AbortController().signal);
  assert.equal(await answering(), 'accepted');
  for (const status of [413, 422]) assert.equal(await answering(new PanelResponseError(status, complaint)), 'refused');
  for (const error of [
    ...[400, 401, 404, 500].map((status) => new PanelResponseError(status, complaint)),
    new PanelUnreachableError('x'),
  ])
    await assert.rejects(answering(error), error);
});
