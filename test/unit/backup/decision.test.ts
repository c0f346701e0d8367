import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decide, failedTtlMs, isEarlier, type View } from '../../../controllers/backup/decision.ts';
import { completed } from '../../../controllers/backup/outcomes.ts';
import { type Backup, type BackupSpec, type BackupStatus, backupFinalizer } from '../../../src/resources/backup.ts';

function aBackup(
  status?: BackupStatus,
  spec: Partial<BackupSpec> = {},
  metadata: Partial<Backup['metadata']> = {},
): Backup {
  return {
    apiVersion: 'aileron.dev/v1',
    kind: 'Backup',
    metadata: {
      ...{ name: 'b1', uid: 'uid-1', resourceVersion: '1', generation: 1, finalizers: [backupFinalizer] },
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    spec: { serverRef: { name: 'demo' }, adapter: 'wings', ignore: '', locked: false, cancel: false, ...spec },
    ...(status ? { status } : {}),
  };
}

const deleted = { deletionTimestamp: '2026-01-01T00:00:00Z' };

function view(backup: Backup, parts: Partial<View> = {}): View {
  return {
    ...{ backup, nodeName: 'node-1', server: 'present', behind: false, working: false, attempt: undefined },
    ...{ stopping: false, verdict: undefined, now: Date.parse('2026-01-01T00:00:00Z') },
    ...parts,
  };
}

const next = (backup: Backup, parts?: Partial<View>) => {
  const step = decide(view(backup, parts));
  const outcome = step.do === 'conclude' ? step.verdict.outcome : step.do === 'stop-job' ? step.outcome : undefined;
  return outcome ? `${step.do} ${outcome.result} ${outcome.reason}` : step.do;
};

describe('the next step', () => {
  test('goes from phase to phase', () => {
    assert.equal(next(aBackup()), 'accept');
    assert.equal(next(aBackup({ phase: 'Pending' })), 'begin');
    assert.equal(next(aBackup({ phase: 'Pending' }), { behind: true }), 'stand-back');
    assert.equal(next(aBackup({ phase: 'Archiving', attempt: 1 }), { attempt: 1 }), 'archive');
    assert.equal(next(aBackup({ phase: 'Archiving', attempt: 1 }), { attempt: 1, working: true }), 'wait');
    const verdict = { outcome: completed };
    assert.equal(
      next(aBackup({ phase: 'Archiving', attempt: 1 }), { attempt: 1, verdict }),
      'conclude Completed Completed',
    );
    assert.equal(next(aBackup({ phase: 'Finalizing' })), 'end');
    assert.equal(next(aBackup({ phase: 'Completed' })), 'look');
  });

  test('is to recover what another daemon began', () => {
    assert.equal(next(aBackup({ phase: 'Archiving', attempt: 1 })), 'recover');
    assert.equal(next(aBackup({ phase: 'Archiving', attempt: 2 }), { attempt: 1 }), 'recover');
  });

  test('is nothing for a backup of another node', () => {
    assert.equal(next(aBackup(undefined, { nodeName: 'node-2' })), 'wait');
    assert.equal(next(aBackup({ phase: 'Completed' }, { nodeName: 'node-2' }, deleted)), 'wait');
  });

  for (const [what, backup, parts, reason] of [
    ['deletion', [{}, deleted], {}, 'Cancelled Deleted'],
    ['cancel', [{ cancel: true }, {}], {}, 'Cancelled Cancelled'],
    ['deletion of the server', [{}, {}], { server: 'leaving' }, 'Cancelled ServerDeleted'],
    ['the lack of a server', [{}, {}], { server: 'gone' }, 'Failed ServerNotFound'],
  ] as const) {
    test(`is the end by ${what} from each phase before the outcome is recorded (backups 15.14)`, () => {
      const [spec, metadata] = backup;
      const pending = aBackup({ phase: 'Pending' }, spec, metadata);
      const archiving = aBackup({ phase: 'Archiving', attempt: 1 }, spec, metadata);
      assert.equal(next(pending, parts), `conclude ${reason}`);
      assert.equal(next(archiving, { ...parts, attempt: 1, working: true }), `stop-job ${reason}`);
      assert.equal(next(archiving, { ...parts, attempt: 1, working: true, stopping: true }), 'wait');
      assert.equal(next(archiving, { ...parts, attempt: 1, verdict: { outcome: completed } }), `conclude ${reason}`);
      assert.equal(next(archiving, parts), `conclude ${reason}`, 'after a crash');
      assert.equal(next(aBackup({ phase: 'Finalizing' }, spec, metadata), parts), 'end');
    });
  }

  test('is removal once a deleted one has ended and nobody reads its archive', () => {
    assert.equal(next(aBackup({ phase: 'Completed' }, {}, deleted)), 'remove');
    assert.equal(next(aBackup({ phase: 'Failed' }, {}, deleted)), 'remove');
    assert.equal(next(aBackup({ phase: 'Completed' }, {}, deleted), { working: true }), 'stop-job Cancelled Deleted');
    const held = aBackup({ phase: 'Completed' }, {}, { ...deleted, finalizers: ['aileron.dev/owed'] });
    assert.equal(next(held), 'wait');
  });

  test('is verification once for each request', () => {
    const running = { request: 'one', result: 'Running' } as const;
    assert.equal(next(aBackup({ phase: 'Completed' }, { verify: 'one' })), 'begin-verification');
    assert.equal(next(aBackup({ phase: 'Completed', verification: running }, { verify: 'one' })), 'verify');
    assert.equal(next(aBackup({ phase: 'Completed', verification: running }, { verify: 'two' })), 'verify');
    const passed = { request: 'one', result: 'Passed' } as const;
    assert.equal(next(aBackup({ phase: 'Completed', verification: passed }, { verify: 'one' })), 'look');
    assert.equal(next(aBackup({ phase: 'Completed', verification: passed }, { verify: 'two' })), 'begin-verification');
    assert.equal(next(aBackup({ phase: 'Failed' }, { verify: 'one' })), 'begin-verification');
  });

  test('is expiry seven days after a failure, unless somebody keeps it', () => {
    const at = Date.parse('2026-01-01T00:00:00Z');
    const failed = (spec: Partial<BackupSpec> = {}) =>
      aBackup({ phase: 'Cancelled', completedAt: '2026-01-01T00:00:00Z' }, spec);
    assert.equal(next(failed(), { now: at + failedTtlMs - 1 }), 'expire-later');
    assert.equal(next(failed(), { now: at + failedTtlMs }), 'expire');
    assert.equal(next(failed({ locked: true }), { now: at + failedTtlMs }), 'wait');
    assert.equal(next(failed({ owner: { kind: 'Manifest', ref: 'x' } }), { now: at + failedTtlMs }), 'wait');
    assert.equal(next(aBackup({ phase: 'Completed' }), { now: at + 10 * failedTtlMs }), 'look');
  });
});

test('backups of one server are made in the order of their creation, then of their names', () => {
  const at = (name: string, creationTimestamp: string) => aBackup(undefined, {}, { name, creationTimestamp });
  const old = at('z', '2026-01-01T00:00:00Z');
  const [one, two] = [at('a', '2026-01-01T00:00:01Z'), at('b', '2026-01-01T00:00:01Z')];
  assert.equal(isEarlier(old, one), true);
  assert.equal(isEarlier(one, two), true);
  assert.equal(isEarlier(two, one), false);
});
