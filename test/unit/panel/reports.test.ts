// What is owed to the Panel, what its answers mean, and how a report finds its way there.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { owedToPanel, type Reported } from '../../../src/panel/owed.ts';
import type { BackupReport, PanelApi } from '../../../src/panel/panel-api.ts';
import { PanelResponseError, PanelUnreachableError, PanelUnreadableError } from '../../../src/panel/panel-errors.ts';
import { type ReportVerdict, verdictOf } from '../../../src/panel/report-verdict.ts';
import { panelDeliverer } from '../../../src/panel/reports.ts';
import type { Backup } from '../../../src/resources/backup.ts';
import { orphanLabel } from '../../../src/resources/listed.ts';
import { Informer } from '../../../src/runtime/informer.ts';
import { createRuntimeMetrics } from '../../../src/runtime/metrics.ts';
import { Outbox, type OwingObject, UndeliverableError } from '../../../src/runtime/outbox.ts';
import { AdmissionBench, asPanel, thisNode, uuidOf } from '../../support/an-admission.ts';
import { settle } from '../../support/fake-clock.ts';
import { remote } from '../../support/panel/source-bench.ts';
import { recordedLog } from '../../support/recorded-log.ts';
import { runOutbox } from '../../support/run-outbox.ts';

const start = Date.UTC(2026, 0, 1);
const answer = (status: number, detail = 'no', retryAfterMs?: number) =>
  new PanelResponseError(status, { code: 'C', detail, fields: [] }, retryAfterMs);

const about = (kind: string, owner: 'Panel' | 'User' = 'Panel', createdAt = start): Reported => ({
  kind,
  metadata: { uid: 'u1', creationTimestamp: `${new Date(createdAt).toISOString().slice(0, 19)}Z` },
  spec: { owner: { kind: owner, ref: remote } },
});

test('each operation of the Panel owes one report, and those of others none', () => {
  const what = (kind: string) => owedToPanel(about(kind), start + 60_000).map((entry) => `${entry.to} ${entry.what}`);
  assert.deepEqual(what('Backup'), ['Panel BackupResult']);
  assert.deepEqual(what('Restore'), ['Panel RestoreResult']);
  assert.deepEqual(what('Installation'), ['Panel InstallResult']);
  assert.deepEqual(what('Schedule'), []);
  assert.deepEqual(owedToPanel(about('Backup', 'User'), start), []);
  const { spec: _, ...others } = about('Backup');
  assert.deepEqual(owedToPanel({ ...others, spec: {} }, start), []);
});

test('what ended because the Panel deleted the server is not told: nobody there knows it', () => {
  for (const kind of ['Backup', 'Restore', 'Installation']) {
    assert.deepEqual(owedToPanel(about(kind), start, { reason: 'ServerDeleted' }), []);
    assert.equal(owedToPanel(about(kind), start, { reason: 'Cancelled' }).length, 1);
  }
});

test('nothing is told within a second of the answer to the Panel', () => {
  // The object may have been made at any moment of the second in its timestamp.
  for (const ms of [0, 1, 500, 999]) {
    const now = start + 999;
    const [entry] = owedToPanel(about('Backup', 'Panel', start + ms), now);
    assert.ok(Date.parse(entry?.nextAttemptAt ?? '') >= start + 999 + 1_000, `${ms}`);
  }
  assert.equal(owedToPanel(about('Backup'), start + 2_000)[0]?.nextAttemptAt, undefined);
  // A clock that was turned back.
  assert.equal(owedToPanel(about('Backup'), start - 3_600_000)[0]?.nextAttemptAt, undefined);
});

const young = 1_000;
const old = 31_000;
const known = { nodeIsKnown: true };
const already = 'Cannot update the status of a backup that is already marked as completed.';
const verdicts: [string, Parameters<typeof verdictOf>[0], ReportVerdict['do'] | Partial<ReportVerdict>][] = [
  ['2xx', { what: 'BackupResult', error: undefined, ageMs: young, ...known }, 'done'],
  [
    '400 of a repeat',
    { what: 'BackupResult', error: answer(400, already), ageMs: young, nodeIsKnown: undefined },
    'done',
  ],
  ['400 of a header', { what: 'BackupResult', error: answer(400), ageMs: old, nodeIsKnown: undefined }, 'ask-again'],
  ['400 with bad credentials', { what: 'BackupResult', error: answer(400), ageMs: old, nodeIsKnown: false }, 'retry'],
  [
    '400 for good',
    { what: 'RestoreResult', error: answer(400, already), ageMs: old, ...known },
    { do: 'give-up', alarm: true, orphan: false },
  ],
  ['401', { what: 'BackupResult', error: answer(401), ageMs: old, nodeIsKnown: undefined }, 'retry'],
  ['403 with bad credentials', { what: 'BackupResult', error: answer(403), ageMs: old, nodeIsKnown: false }, 'retry'],
  [
    '403',
    { what: 'BackupResult', error: answer(403), ageMs: young, ...known },
    { do: 'give-up', alarm: false, orphan: true },
  ],
  ['404 too early', { what: 'BackupResult', error: answer(404), ageMs: young, ...known }, 'retry'],
  ['404 at the end of the grace', { what: 'BackupResult', error: answer(404), ageMs: 29_999, ...known }, 'retry'],
  ['404 of an unknown node', { what: 'BackupResult', error: answer(404), ageMs: old, nodeIsKnown: false }, 'retry'],
  [
    '404 after the grace',
    { what: 'BackupResult', error: answer(404), ageMs: old, ...known },
    { do: 'give-up', orphan: true, alarm: false },
  ],
  ['404 on a clock turned back', { what: 'BackupResult', error: answer(404), ageMs: -1, ...known }, 'retry'],
  ['409 too early', { what: 'InstallResult', error: answer(409), ageMs: young, ...known }, 'retry'],
  [
    '409 after the grace',
    { what: 'InstallResult', error: answer(409), ageMs: old, ...known },
    { do: 'give-up', orphan: false },
  ],
  [
    '422',
    { what: 'BackupResult', error: answer(422), ageMs: young, nodeIsKnown: undefined },
    { do: 'give-up', alarm: true, orphan: false },
  ],
  [
    '429',
    { what: 'BackupResult', error: answer(429, 'no', 7_000), ageMs: young, nodeIsKnown: undefined },
    { do: 'retry', afterMs: 7_000 },
  ],
  ['500', { what: 'BackupResult', error: answer(500), ageMs: old, nodeIsKnown: undefined }, 'retry'],
  ['503', { what: 'BackupResult', error: answer(503), ageMs: old, nodeIsKnown: undefined }, 'retry'],
  ['a redirect', { what: 'BackupResult', error: answer(301), ageMs: old, nodeIsKnown: undefined }, 'retry'],
  ['418 of a proxy', { what: 'BackupResult', error: answer(418), ageMs: old, nodeIsKnown: undefined }, 'retry'],
  [
    'no answer',
    { what: 'BackupResult', error: new PanelUnreachableError('x'), ageMs: old, nodeIsKnown: undefined },
    'retry',
  ],
  [
    'an answer nobody can read',
    { what: 'BackupResult', error: new PanelUnreadableError('x'), ageMs: old, nodeIsKnown: undefined },
    'retry',
  ],
];

for (const [what, facts, wanted] of verdicts) {
  test(`what an answer means: ${what}`, () => {
    const verdict = verdictOf(facts);
    if (typeof wanted === 'string') assert.equal(verdict.do, wanted);
    else assert.deepEqual({ ...verdict, ...wanted }, verdict);
  });
}

class Bench {
  readonly admission = new AdmissionBench();
  readonly log = recordedLog();
  readonly sent: string[] = [];
  readonly events: string[] = [];
  /** What the next reports end in. */
  answers: (Error | undefined)[] = [];
  /** Of the question whether the node is known. */
  known: Error | undefined;

  deliver = panelDeliverer({
    api: {
      reportBackup: (uuid: string, report: BackupReport) => this.#take(`backup ${uuid} ${JSON.stringify(report)}`),
      reportRestore: (uuid: string, successful: boolean) => this.#take(`restore ${uuid} ${successful}`),
      reportInstall: (uuid: string, report: object) => this.#take(`install ${uuid} ${JSON.stringify(report)}`),
      servers: async () => {
        this.sent.push('list');
        if (this.known) throw this.known;
        return { records: [], currentPage: 1, lastPage: 1, total: 0 };
      },
    } satisfies Pick<PanelApi, 'reportBackup' | 'reportRestore' | 'reportInstall' | 'servers'>,
    admission: this.admission.admission,
    ...{ remote, clock: this.admission.clock, log: this.log },
  });

  async backup(t: TestContext, result: 'Completed' | 'Failed' = 'Completed'): Promise<Backup> {
    const { store, admission, clock } = this.admission;
    await this.admission.create('s', { uuid: uuidOf(1) }, asPanel);
    const input = { metadata: { name: 'b' }, spec: { uuid: uuidOf(2), serverRef: { name: 's' } } };
    const made = (await admission.create('Backup', input, asPanel)) as Backup;
    const registry = new Registry();
    const metrics = createRuntimeMetrics(registry);
    const backups = new Informer<Backup>({ store, kind: 'Backup', clock, log: this.log });
    const outbox = new Outbox({
      ...{ store, clock, log: this.log, metrics, registry, sources: [backups], nodeName: thisNode, random: () => 1 },
      events: { event: (_about, _type, reason, message) => this.events.push(`${reason}: ${message}`) },
    });
    outbox.register('Panel', this.deliver);
    await runOutbox(t, { outbox, source: backups, clock });
    const archive = { size: 5, checksum: 'abc', checksumType: 'sha1', format: 'gzip' } as const;
    await store.updateStatus({
      ...made,
      status: {
        phase: 'Finalizing',
        outcome: { result, reason: result, message: 'm' },
        archive,
        owed: owedToPanel(made, clock.now()),
      },
    });
    await settle(10);
    return made;
  }

  async now(): Promise<Backup | undefined> {
    return this.admission.store.get<Backup>('Backup', 'b');
  }

  async #take(text: string): Promise<void> {
    this.sent.push(text);
    const error = this.answers.shift();
    if (error) throw error;
  }
}

test('the result of a backup is told once, with its checksum, a second after the Panel had its answer', async (t) => {
  const bench = new Bench();
  await bench.backup(t);
  await bench.admission.clock.advance(1_000);
  assert.deepEqual(bench.sent, []);
  await bench.admission.clock.advance(60_000);
  const report = { checksum: 'abc', checksumType: 'sha1', size: 5, successful: true };
  assert.deepEqual(bench.sent, [`backup ${uuidOf(2)} ${JSON.stringify(report)}`]);
  assert.equal((await bench.now())?.status?.owed, undefined);
});

test('a backup that failed is told without an archive', async (t) => {
  const bench = new Bench();
  await bench.backup(t, 'Failed');
  await bench.admission.clock.advance(5_000);
  const report = { checksum: '', checksumType: '', size: 0, successful: false };
  assert.deepEqual(bench.sent, [`backup ${uuidOf(2)} ${JSON.stringify(report)}`]);
});

test('a Panel that is away for a day has each result once when it is back', async (t) => {
  const bench = new Bench();
  bench.answers = Array.from({ length: 300 }, () => new PanelUnreachableError('away'));
  await bench.backup(t);
  await bench.admission.clock.advance(86_400_000);
  assert.ok((await bench.now())?.status?.owed?.[0]?.lastError);
  bench.answers = [];
  const before = bench.sent.length;
  await bench.admission.clock.advance(600_000);
  assert.equal(bench.sent.length, before + 1);
  assert.equal((await bench.now())?.status?.owed, undefined);
});

test('a Panel that asks to wait is not asked before', async (t) => {
  const bench = new Bench();
  bench.answers = [answer(429, 'busy', 90_000)];
  await bench.backup(t);
  await bench.admission.clock.advance(80_000);
  assert.equal(bench.sent.length, 1);
  await bench.admission.clock.advance(20_000);
  assert.equal(bench.sent.length, 2);
});

test('a row that is not committed yet is told again; one that is gone leaves its archive, with a label', async (t) => {
  const bench = new Bench();
  bench.answers = Array.from({ length: 100 }, () => answer(404));
  await bench.backup(t);
  await bench.admission.clock.advance(25_000);
  assert.ok(bench.sent.length >= 3 && !bench.sent.includes('list'));
  assert.ok((await bench.now())?.status?.owed);
  await bench.admission.clock.advance(60_000);
  assert.equal(bench.sent.at(-2), 'list');
  const backup = await bench.now();
  assert.equal(backup?.status?.owed, undefined);
  assert.equal(backup?.metadata.deletionTimestamp, undefined);
  assert.deepEqual(backup?.metadata.labels, { [orphanLabel]: 'true' });
  assert.match(bench.events.join(), /ReportGivenUp: .*does not know it any more/);
});

test('while the Panel does not know this node nothing is given up', async (t) => {
  const bench = new Bench();
  bench.answers = Array.from({ length: 1_000 }, () => answer(404));
  bench.known = answer(404);
  await bench.backup(t);
  await bench.admission.clock.advance(7_200_000);
  assert.ok((await bench.now())?.status?.owed);
  bench.known = undefined;
  bench.answers = [];
  await bench.admission.clock.advance(600_000);
  assert.equal((await bench.now())?.status?.owed, undefined);
  assert.equal((await bench.now())?.metadata.labels, undefined);
});

test('a refusal of the token that was changed in that moment costs no report', async (t) => {
  for (const status of [400, 403]) {
    const bench = new Bench();
    // Refused with the token of before, and so the node is known when it asks, with the new one.
    bench.answers = [answer(status)];
    await bench.backup(t);
    await bench.admission.clock.advance(5_000);
    assert.deepEqual(
      bench.sent.map((sent) => sent.split(' ')[0]),
      ['backup', 'list', 'backup'],
    );
    assert.deepEqual(bench.events, []);
    assert.equal((await bench.now())?.metadata.labels, undefined);
  }
});

test('what the Panel refuses twice, and knows the node in between, is given up', async (t) => {
  const bench = new Bench();
  bench.answers = [answer(403), answer(403)];
  await bench.backup(t);
  await bench.admission.clock.advance(5_000);
  assert.deepEqual(bench.answers, []);
  assert.match(bench.events.join(), /ReportGivenUp: .*not of this node/);
  assert.deepEqual((await bench.now())?.metadata.labels, { [orphanLabel]: 'true' });
});

test('a report that is wrong is given up at once, with an alarm', async (t) => {
  const bench = new Bench();
  bench.answers = [answer(422)];
  await bench.backup(t);
  await bench.admission.clock.advance(10_000);
  assert.equal(bench.sent.length, 1);
  assert.equal(bench.log.find({ level: 'error' }).length, 1);
});

test('restores and installations are told by the ids that the Panel knows', async () => {
  const bench = new Bench();
  const object = (kind: string, spec: object, result: string): OwingObject =>
    ({
      kind,
      apiVersion: 'aileron.dev/v1',
      metadata: { name: 'o' },
      spec: { owner: asPanel.owner, ...spec },
      status: { outcome: { result } },
    }) as unknown as OwingObject;
  const entry = (what: string) => ({ id: '1', to: 'Panel', what, since: '2026-01-01T00:00:00Z', attempts: 0 });
  const signal = new AbortController().signal;
  const refs = { serverRef: { uuid: uuidOf(1) }, backupRef: { uuid: uuidOf(2) } };
  await bench.deliver(entry('RestoreResult'), object('Restore', refs, 'Failed'), signal);
  await bench.deliver(
    entry('InstallResult'),
    object('Installation', { ...refs, reinstall: true }, 'Completed'),
    signal,
  );
  await bench.deliver(entry('InstallResult'), object('Installation', refs, 'Cancelled'), signal);
  assert.deepEqual(bench.sent, [
    `restore ${uuidOf(2)} false`,
    `install ${uuidOf(1)} {"successful":true,"reinstall":true}`,
    `install ${uuidOf(1)} {"successful":false,"reinstall":false}`,
  ]);
});

test('objects of another owner and unknown reports never reach the Panel (covers: SEC-27)', async () => {
  const bench = new Bench();
  const signal = new AbortController().signal;
  const backup = (spec: object) =>
    ({
      kind: 'Backup',
      apiVersion: 'aileron.dev/v1',
      metadata: { name: 'o' },
      spec: { uuid: uuidOf(2), owner: asPanel.owner, ...spec },
      status: {},
    }) as unknown as OwingObject;
  const entry = { id: '1', to: 'Panel', what: 'BackupResult', since: '2026-01-01T00:00:00Z', attempts: 0 };
  await assert.rejects(bench.deliver(entry, backup({ owner: { kind: 'User' } }), signal), UndeliverableError);
  await assert.rejects(bench.deliver(entry, backup({ uuid: undefined }), signal), UndeliverableError);
  await assert.rejects(bench.deliver({ ...entry, what: 'Gossip' }, backup({}), signal), UndeliverableError);
  assert.deepEqual(bench.sent, []);
});
