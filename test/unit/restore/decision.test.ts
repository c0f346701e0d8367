// The whole table of what a restore does next: each row is a state of the world and the one step that follows.
import assert from 'node:assert/strict';
import test from 'node:test';
import { decide, type Step, type View } from '../../../controllers/restore/decision.ts';
import type { Failure } from '../../../controllers/restore/failures.ts';
import type { Restore, RestoreSpec, RestoreStatus } from '../../../src/resources/restore.ts';
import type { ServerClaim } from '../../../src/resources/server.ts';
import { aServer } from '../../support/builders.ts';

const since = '2026-01-01T00:00:00Z';
const now = Date.parse('2026-01-01T00:10:00Z');
const claim: ServerClaim = { kind: 'Restore', name: 'r', uid: 'uid-r', since };
const damaged: Failure = {
  reason: 'ArchiveDamaged',
  message: 'It is cut.',
  passing: false,
  missing: false,
  error: undefined,
};
const crashed: Failure = { reason: 'JobCrashed', message: 'It died.', passing: true, missing: false, error: undefined };
const vanished: Failure = {
  reason: 'ArchiveMissing',
  message: 'Not there.',
  passing: false,
  missing: true,
  error: undefined,
};

const ended = (act: NonNullable<View['ended']>['act'], failure?: Failure): View['ended'] => ({ act, failure });
const staged: RestoreStatus = { phase: 'Extracting', strategy: 'Staged', journal: { step: 'Staging' } };
const stopping: RestoreStatus = { phase: 'Stopping', strategy: 'Staged', journal: { step: 'Staged' } };
const at = (step: NonNullable<RestoreStatus['journal']>['step'], more: RestoreStatus = {}): RestoreStatus => ({
  phase: step === 'Extracting' ? 'Extracting' : 'Committing',
  journal: { step },
  ...more,
});

interface Case extends Partial<Omit<View, 'restore' | 'server'>> {
  name: string;
  status?: RestoreStatus;
  spec?: Partial<RestoreSpec>;
  deleting?: boolean;
  server?: 'gone' | 'leaving' | ServerClaim | 'unclaimed';
  /** What is compared: the step, its reason where it ends something. */
  expected: Step | { do: 'conclude'; reason: string; result: string };
}

const concludes = (result: string, reason: string) => ({ do: 'conclude', result, reason }) as const;

const cases: Case[] = [
  { name: 'a new one is accepted', expected: { do: 'accept' } },
  { name: 'it waits for its turn', status: { phase: 'Pending' }, server: 'unclaimed', expected: { do: 'begin' } },
  {
    name: 'after a restart too',
    status: { phase: 'Pending' },
    server: 'unclaimed',
    mine: false,
    expected: { do: 'begin' },
  },
  {
    name: 'nothing begins while the daemon stops',
    status: { phase: 'Pending' },
    stopping: true,
    expected: { do: 'wait' },
  },
  { name: 'the archive is unpacked beside the files', status: staged, expected: { do: 'run', act: 'stage' } },
  { name: 'work under way is left alone', status: staged, job: 'stage', expected: { do: 'wait' } },
  {
    name: 'what is staged asks for the end of the process',
    status: staged,
    ended: ended('stage'),
    expected: { do: 'enter-stopping' },
  },
  { name: 'in place everything is read first', status: { phase: 'Verifying' }, expected: { do: 'run', act: 'verify' } },
  {
    name: 'what is verified asks for the end of the process',
    status: { phase: 'Verifying' },
    ended: ended('verify'),
    expected: { do: 'enter-stopping' },
  },
  { name: 'the process is asked to end', status: stopping, expected: { do: 'demand-stop' } },
  {
    name: 'files are touched when it has ended',
    status: stopping,
    server: { ...claim, stopped: true },
    expected: { do: 'commit' },
  },

  // Called off: nothing was touched.
  {
    name: 'cancelled in the queue',
    status: { phase: 'Pending' },
    spec: { cancel: true },
    expected: concludes('Cancelled', 'Cancelled'),
  },
  {
    name: 'cancelled at work',
    status: staged,
    job: 'stage',
    spec: { cancel: true },
    expected: { do: 'cancel', reason: 'The restore was cancelled. The files of the server are untouched.' },
  },
  {
    name: 'cancelled once its job has ended',
    status: staged,
    ended: ended('stage', crashed),
    spec: { cancel: true },
    expected: concludes('Cancelled', 'Cancelled'),
  },
  {
    name: 'cancelled although the job had succeeded',
    status: staged,
    ended: ended('stage'),
    spec: { cancel: true },
    expected: concludes('Cancelled', 'Cancelled'),
  },
  {
    name: 'cancelled while the process ends',
    status: stopping,
    spec: { cancel: true },
    expected: concludes('Cancelled', 'Cancelled'),
  },
  { name: 'deletion is a cancel', status: stopping, deleting: true, expected: concludes('Cancelled', 'Cancelled') },
  {
    name: 'a server that leaves takes it along',
    status: staged,
    server: 'leaving',
    expected: concludes('Cancelled', 'ServerDeleted'),
  },
  {
    name: 'a server that is gone',
    status: { phase: 'Pending' },
    server: 'gone',
    expected: concludes('Failed', 'ServerGone'),
  },
  {
    name: 'what an earlier daemon had not committed',
    status: staged,
    mine: false,
    expected: concludes('Failed', 'DaemonRestarted'),
  },
  {
    name: 'a cancel counts more than the restart',
    status: staged,
    mine: false,
    spec: { cancel: true },
    expected: concludes('Cancelled', 'Cancelled'),
  },
  { name: 'the daemon stops', status: staged, stopping: true, expected: concludes('Failed', 'DaemonStopping') },
  { name: 'it took too long', status: stopping, timedOut: true, expected: concludes('Failed', 'Timeout') },
  {
    name: 'the process did not end',
    status: stopping,
    stopTimedOut: true,
    expected: concludes('Failed', 'ServerNotStopped'),
  },
  {
    name: 'the claim is somebody else’s',
    status: stopping,
    server: { ...claim, uid: 'x' },
    expected: concludes('Failed', 'ClaimLost'),
  },
  {
    name: 'the archive is damaged',
    status: staged,
    ended: ended('stage', damaged),
    expected: concludes('Failed', 'ArchiveDamaged'),
  },
  {
    name: 'so it is when it was only read',
    status: { phase: 'Verifying' },
    ended: ended('verify', damaged),
    expected: concludes('Failed', 'ArchiveDamaged'),
  },

  // Past the point of no return.
  { name: 'the old files are moved away', status: at('MovingOld'), expected: { do: 'run', act: 'move-old' } },
  {
    name: 'then the new ones in',
    status: at('MovingOld'),
    ended: ended('move-old'),
    expected: { do: 'journal', step: 'MovingNew' },
  },
  {
    name: 'one after the other',
    status: at('MovingNew'),
    ended: ended('move-old'),
    expected: { do: 'run', act: 'move-new' },
  },
  {
    name: 'and it is done',
    status: at('MovingNew'),
    ended: ended('move-new'),
    expected: concludes('Completed', 'Completed'),
  },
  { name: 'a merge is one move', status: at('Merging'), expected: { do: 'run', act: 'merge' } },
  { name: 'and done', status: at('Merging'), ended: ended('merge'), expected: concludes('Completed', 'Completed') },
  {
    name: 'cancel comes too late',
    status: at('MovingOld'),
    job: 'move-old',
    spec: { cancel: true },
    expected: { do: 'wait' },
  },
  { name: 'deletion too', status: at('MovingNew'), deleting: true, expected: { do: 'run', act: 'move-new' } },
  { name: 'and the time limit', status: at('Merging'), timedOut: true, expected: { do: 'run', act: 'merge' } },
  {
    name: 'a daemon that stops finishes it',
    status: at('MovingNew'),
    stopping: true,
    expected: { do: 'run', act: 'move-new' },
  },
  {
    name: 'the next daemon takes it up',
    status: at('MovingOld'),
    mine: false,
    expected: { do: 'adopt', again: false },
  },
  {
    name: 'a job that died moves on',
    status: at('MovingNew'),
    ended: ended('move-new', crashed),
    failures: 1,
    expected: { do: 'retry', failure: crashed },
  },
  {
    name: 'but not for ever',
    status: at('MovingNew'),
    ended: ended('move-new', crashed),
    failures: 3,
    expected: {
      do: 'roll-back',
      outcome: {
        result: 'Failed',
        reason: 'JobCrashed',
        message: 'It died. The files of the server are as they were before.',
      },
    },
  },
  {
    name: 'a failure that stays is moved back',
    status: at('Merging'),
    ended: ended('merge', damaged),
    failures: 1,
    expected: {
      do: 'roll-back',
      outcome: {
        result: 'Failed',
        reason: 'ArchiveDamaged',
        message: 'It is cut. The files of the server are as they were before.',
      },
    },
  },
  {
    name: 'moving back is a job',
    status: at('RollingBack', { outcome: { result: 'Failed', reason: 'X', message: '' } }),
    expected: { do: 'run', act: 'roll-back' },
  },
  {
    name: 'that is tried until it succeeds',
    status: at('RollingBack'),
    ended: ended('roll-back', damaged),
    failures: 99,
    expected: { do: 'retry', failure: damaged },
  },
  {
    name: 'and then it is over',
    status: at('RollingBack'),
    ended: ended('roll-back'),
    expected: { do: 'journal', step: 'Done' },
  },
  {
    name: 'of a server that is gone nothing is moved back',
    status: at('RollingBack'),
    server: 'gone',
    ended: ended('roll-back', vanished),
    expected: { do: 'journal', step: 'Done' },
  },
  {
    name: 'nor forward',
    status: at('MovingNew'),
    server: 'gone',
    ended: ended('move-new', vanished),
    expected: concludes('Failed', 'ServerGone'),
  },
  {
    name: 'but what is there is moved',
    status: at('MovingNew'),
    server: 'gone',
    expected: { do: 'run', act: 'move-new' },
  },

  // In place.
  { name: 'files are written over', status: at('Extracting'), expected: { do: 'run', act: 'in-place' } },
  {
    name: 'to the end',
    status: at('Extracting'),
    ended: ended('in-place'),
    expected: concludes('Completed', 'Completed'),
  },
  {
    name: 'cancel comes too late there',
    status: at('Extracting'),
    job: 'in-place',
    spec: { cancel: true },
    expected: { do: 'wait' },
  },
  {
    name: 'a daemon that stops leaves it to the next',
    status: at('Extracting'),
    job: 'in-place',
    stopping: true,
    expected: { do: 'cancel', reason: 'the daemon is stopping' },
  },
  { name: 'which begins again', status: at('Extracting'), mine: false, expected: { do: 'adopt', again: true } },
  {
    name: 'a few times',
    status: at('Extracting', { attempt: 5 }),
    mine: false,
    expected: concludes('Failed', 'Incomplete'),
  },
  {
    name: 'a job that died begins again',
    status: at('Extracting'),
    ended: ended('in-place', crashed),
    failures: 1,
    expected: { do: 'retry', failure: crashed },
  },
  {
    name: 'a few times too',
    status: at('Extracting'),
    ended: ended('in-place', crashed),
    failures: 3,
    expected: concludes('Failed', 'JobCrashed'),
  },
  {
    name: 'what cannot pass ends it',
    status: at('Extracting'),
    ended: ended('in-place', damaged),
    failures: 1,
    expected: concludes('Failed', 'ArchiveDamaged'),
  },

  // The end.
  {
    name: 'an outcome is told',
    status: { phase: 'Finalizing', outcome: { result: 'Completed', reason: 'Completed', message: '' } },
    expected: { do: 'end' },
  },
  {
    name: 'by the next daemon too',
    status: { phase: 'Finalizing', outcome: { result: 'Completed', reason: 'Completed', message: '' } },
    mine: false,
    server: 'gone',
    expected: { do: 'end' },
  },
  {
    name: 'what is left beside the files goes',
    status: { phase: 'Completed', journal: { step: 'Done' } },
    expected: { do: 'run', act: 'discard' },
  },
  {
    name: 'and is forgotten',
    status: { phase: 'Completed', journal: { step: 'Done' } },
    ended: ended('discard'),
    expected: { do: 'forget-journal' },
  },
  {
    name: 'or tried again',
    status: { phase: 'Failed', journal: { step: 'Done' } },
    ended: ended('discard', damaged),
    expected: { do: 'retry', failure: damaged },
  },
  {
    name: 'a finished one rests',
    status: { phase: 'Completed', completedAt: '2026-01-01T00:09:00Z' },
    expected: { do: 'rest', until: now + 40_000 },
  },
  {
    name: 'for its time',
    status: { phase: 'Completed', completedAt: '2026-01-01T00:08:00Z' },
    expected: { do: 'expire' },
  },
  {
    name: 'a deleted one goes when nothing is left',
    status: { phase: 'Cancelled', completedAt: since },
    deleting: true,
    expected: { do: 'remove-finalizer' },
  },
  {
    name: 'not before',
    status: { phase: 'Cancelled', journal: { step: 'Done' } },
    deleting: true,
    expected: { do: 'run', act: 'discard' },
  },
];

for (const { name, status, spec = {}, deleting, server = claim, expected, ...view } of cases) {
  test(`restore: ${name}`, () => {
    const restore: Restore = {
      apiVersion: 'aileron.dev/v1',
      kind: 'Restore',
      metadata: {
        ...{ name: 'r', uid: 'uid-r', resourceVersion: '1', generation: 1, creationTimestamp: since },
        ...(deleting ? { deletionTimestamp: since } : {}),
      },
      spec: {
        ...{ serverRef: { name: 'demo' }, backupRef: { name: 'b1' }, mode: 'Truncate', paths: [], cancel: false },
        ttlSecondsAfterFinished: 100,
        ...spec,
      },
      ...(status ? { status } : {}),
    };
    const step = decide({
      server: serverIn(server),
      job: undefined,
      ended: undefined,
      mine: true,
      stopping: false,
      timedOut: false,
      stopTimedOut: false,
      failures: 0,
      now,
      ...view,
      restore,
    });
    if (step.do !== 'conclude') return assert.deepEqual(step, expected);
    const { result, reason, message } = step.outcome;
    assert.deepEqual({ do: step.do, result, reason }, expected);
    assert.match(message, /^[A-Z0-9].*\.$/);
    const half = result === 'Failed' && status?.journal?.step === 'Extracting';
    assert.equal(message.includes('restore the backup "b1" again'), half);
  });
}

function serverIn(state: NonNullable<Case['server']>): View['server'] {
  if (state === 'gone') return undefined;
  if (state === 'leaving') return aServer({ metadata: { deletionTimestamp: since }, status: { claim } });
  return aServer(state === 'unclaimed' ? {} : { status: { state: 'running', claim: state } });
}
