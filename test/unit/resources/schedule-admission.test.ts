// What a Schedule may say: a cron line and a zone that can be followed, servers by name or by labels.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asManifest, asPanel, causesOf, writeContext } from '../../support/an-admission.ts';
import { OperationBench } from '../../support/an-operation-bench.ts';

test('a schedule is stamped with its node and owner, and its server need not be there yet', async () => {
  const bench = new OperationBench();
  const { spec } = await bench.schedule('nightly');
  assert.deepEqual(spec, {
    nodeName: 'node-1',
    owner: { kind: 'User', ref: 'tester' },
    cron: '0 4 * * *',
    timeZone: 'UTC',
    suspend: false,
    concurrencyPolicy: 'Forbid',
    template: { serverRef: { name: 'lobby' }, ignore: '', locked: false },
    keep: {},
  });
});

describe('a cron line is taken', () => {
  for (const cron of [
    '* * * * *',
    '*/15 3-5,22 1 JAN-MAR MON',
    '  0 4 * * *',
    '@hourly',
    '@Daily',
    '@weekly',
    '@monthly',
    '@yearly',
  ]) {
    test(cron, async () => {
      await new OperationBench().schedule('s', { cron });
    });
  }
});

describe('a cron line is refused with what would be right', () => {
  const five =
    /must be five fields – minute, hour, day of month, month, day of week – such as "30 4 \* \* \*", or one of @hourly/;
  const cases: [cron: string, message: RegExp][] = [
    ['0 0 4 * * *', /a field for seconds is not known$/],
    ['0 4 * *', five],
    ['4 o’clock', five],
    ['2026-01-01T00:00:00', five],
    ['@reboot', five],
    ['@never', five],
    ['0 0 4 * * * 2026', five],
    ['60 * * * *', /Invalid value for minute: 60\)$/],
    ['* 24 * * *', /Invalid value for hour: 24\)$/],
    ['0 0 * * 8', /Invalid value for dayOfWeek: 8\)$/],
    ['*/0 * * * *', five],
    ['0 0 30 2 *', /no day ever fits these fields$/],
  ];
  for (const [cron, message] of cases) {
    test(cron, async () => {
      const [cause, ...others] = await causesOf(new OperationBench().schedule('s', { cron }));
      assert.deepEqual([cause?.field, cause?.reason, others.length], ['spec.cron', 'FieldValueInvalid', 0]);
      assert.match(cause?.message ?? '', message);
    });
  }
});

describe('a time zone', () => {
  for (const timeZone of ['UTC', 'Europe/Berlin', 'America/Port-au-Prince', 'Etc/GMT+5']) {
    test(`is taken: ${timeZone}`, async () => {
      await new OperationBench().schedule('s', { timeZone });
    });
  }
  for (const timeZone of ['Europe/Berlon', '+01:00', 'CEST/now', '../UTC']) {
    test(`is refused: ${timeZone}`, async () => {
      const [cause] = await causesOf(new OperationBench().schedule('s', { timeZone }));
      assert.equal(cause?.field, 'spec.timeZone');
      assert.match(cause?.message ?? '', /must be a time zone of the IANA database, such as Europe\/Berlin$/);
    });
  }
});

describe('which servers it is about', () => {
  const cases: [what: string, template: Record<string, unknown>, field: string][] = [
    ['neither name nor labels', {}, 'spec.template.serverRef'],
    ['both', { serverRef: { name: 'a' }, serverSelector: {} }, 'spec.template.serverSelector'],
    [
      'a label that cannot be',
      { serverSelector: { matchLabels: { 'a b': 'c' } } },
      'spec.template.serverSelector.matchLabels',
    ],
    [
      'a value that cannot be',
      { serverSelector: { matchLabels: { a: '-' } } },
      'spec.template.serverSelector.matchLabels[a]',
    ],
  ];
  for (const [what, template, field] of cases) {
    test(what, async () => {
      const causes = await causesOf(new OperationBench().schedule('s', { template }));
      assert.deepEqual(
        causes.map((cause) => cause.field),
        [field],
      );
    });
  }

  test('no labels are every server', async () => {
    await new OperationBench().schedule('s', { template: { serverSelector: {} } });
  });
});

test('ignore rules are counted in bytes', async () => {
  const template = { serverRef: { name: 'lobby' }, ignore: 'ü'.repeat(20_000) };
  const [cause] = await causesOf(new OperationBench().schedule('s', { template }));
  assert.deepEqual([cause?.field, cause?.reason], ['spec.template.ignore', 'FieldValueTooLong']);
});

test('everything but the node may change, and it goes when it is deleted', async () => {
  const bench = new OperationBench();
  await bench.schedule('s');
  await bench.change('Schedule', 's', { cron: '@hourly', timeZone: 'Asia/Tokyo', suspend: true });
  const [cause] = await causesOf(bench.change('Schedule', 's', { nodeName: 'node-2' }));
  assert.equal(cause?.field, 'spec.nodeName');
  await bench.remove('Schedule', 's');
  assert.equal(await bench.store.get('Schedule', 's'), undefined);
});

test('a schedule of the Panel is the Panel’s, one of a user becomes the manifest’s', async () => {
  const bench = new OperationBench();
  await bench.schedule('theirs', {}, asPanel);
  await assert.rejects(bench.change('Schedule', 'theirs', { suspend: true }), { name: 'ForbiddenError' });
  await bench.schedule('ours');
  const taken = (await bench.change('Schedule', 'ours', { suspend: true }, asManifest)) as { spec: { owner: unknown } };
  assert.deepEqual(taken.spec.owner, asManifest.owner);
  await bench.remove('Schedule', 'ours', writeContext());
});
