// From rows to entries: what is merged, what stays apart, and how much goes into one report.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Activity } from '../../../src/activity/activity.ts';
import { type Entry, entryOf, fitting, mergeTransfers, type Row } from '../../../src/activity/entries.ts';
import { anActivity, anotherActor, aTransfer } from '../../support/activity.ts';

const rowsOf = (...activities: Activity[]): Row[] => activities.map((activity, index) => ({ id: index + 1, activity }));
const at = (timestamp: string) => ({ timestamp: `2026-01-01T${timestamp}Z` });
const filesOf = ({ activity }: Entry) => activity.metadata['files'] as unknown[];
const deletes = (count: number, parts: Partial<Activity> = {}) =>
  Array.from({ length: count }, (_, index) => aTransfer(`/${index}.txt`, parts));

test('250 deletes in one minute by one user are one entry of 250 paths (activity 8.2)', () => {
  const merged = mergeTransfers(rowsOf(...deletes(250, at('12:00:59.999'))));
  assert.equal(merged.length, 1);
  assert.equal(merged[0] && filesOf(merged[0]).length, 250);
  assert.equal(merged[0]?.ids.length, 250);
});

test('the next minute, another user, address, server or event is another entry (activity 8.2)', () => {
  const first = aTransfer('/a', at('12:00:59.999'));
  const others: Partial<Activity>[] = [
    at('12:01:00.000'),
    { user: anotherActor },
    { user: null },
    { ip: '::1' },
    { server: anotherActor },
    { event: 'server:sftp.write' },
  ];
  for (const other of others) assert.equal(mergeTransfers(rowsOf(first, { ...first, ...other })).length, 2);
});

test('an entry has the time of its first row, the paths in the order of time, each once', () => {
  const rows = rowsOf(
    aTransfer('/b', at('12:00:30.500')),
    aTransfer('/a', at('12:00:10.250')),
    aTransfer('/b', at('12:00:40.000')),
  );
  assert.deepEqual(mergeTransfers(rows), [
    { ids: [2, 1, 3], activity: aTransfer('/a', { ...at('12:00:10.250'), metadata: { files: ['/a', '/b'] } }) },
  ]);
});

test('beyond 500 paths another entry begins, and no row is in two', () => {
  const merged = mergeTransfers(rowsOf(...deletes(1_201)));
  assert.deepEqual(
    merged.map((entry) => filesOf(entry).length),
    [500, 500, 201],
  );
  assert.equal(new Set(merged.flatMap(({ ids }) => ids)).size, 1_201);
});

test('a rename alone says from and to for both Panels, three say only their files (activity 8.3)', () => {
  const rename = (from: string) => ({ from, to: `${from}.old` });
  const event = 'server:sftp.rename';
  const [one] = mergeTransfers(rowsOf(aTransfer(rename('/a'), { event })));
  assert.deepEqual(one?.activity.metadata, { files: [rename('/a')], from: '/a', to: '/a.old' });
  const three = mergeTransfers(rowsOf(...['/a', '/b', '/c'].map((from) => aTransfer(rename(from), { event }))));
  assert.deepEqual(
    three.map(({ activity }) => activity.metadata),
    [{ files: ['/a', '/b', '/c'].map(rename) }],
  );
});

test('a rename that Wings of Pelican recorded keeps its names (activity 8.3)', () => {
  const metadata = { from: '/a', to: '/b' };
  const [one] = mergeTransfers(rowsOf(anActivity({ event: 'server:sftp.rename', metadata })));
  assert.deepEqual(one?.activity.metadata, { files: [metadata], ...metadata });
});

test('a report has at most so many entries and bytes, and one entry in any case (covers: SEC-109)', () => {
  const small = rowsOf(...Array.from({ length: 150 }, () => anActivity())).map(entryOf);
  assert.equal(fitting(small, 100).length, 100);
  assert.equal(fitting(small, 0).length, 1);
  const large = rowsOf(
    ...Array.from({ length: 10 }, () => anActivity({ metadata: { command: 'x'.repeat(200_000) } })),
  ).map(entryOf);
  assert.equal(fitting(large, 100).length, 3);
  assert.equal(fitting([{ ids: [1], activity: anActivity({ metadata: { x: 'x'.repeat(2_000_000) } }) }], 9).length, 1);
});
