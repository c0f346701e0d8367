// What one installation is to do next, case by case.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, type Step, type View } from '../../../controllers/installation/decision.ts';
import type { Installation, InstallationSpec, InstallationStatus } from '../../../src/resources/installation.ts';
import type { ServerClaim } from '../../../src/resources/server.ts';
import { anyUuid, aServer } from '../../support/builders.ts';

const time = '2026-01-01T00:00:00Z';
const claim: ServerClaim = { kind: 'Installation', name: 'i', uid: 'uid-i', since: time };
const stopped = { ...claim, stopServer: true, stopped: true };
const outcome = { result: 'Completed', reason: 'Completed', message: 'Done.' } as const;

interface Case extends Partial<Omit<View, 'installation'>> {
  name: string;
  spec?: Partial<InstallationSpec>;
  status?: InstallationStatus;
  metadata?: Partial<Installation['metadata']>;
  expected: Step | { do: Step['do']; reason: string };
}

const withClaim = (present: ServerClaim) => aServer({ status: { state: 'offline', claim: present } });
const leaving = aServer({ metadata: { deletionTimestamp: time } });

const cases: Case[] = [
  { name: 'a new one is accepted', expected: { do: 'accept' } },
  { name: 'one of another node is left alone', spec: { nodeName: 'other' }, expected: { do: 'wait' } },
  { name: 'one that waits begins', status: { phase: 'Pending' }, expected: { do: 'begin' } },
  {
    name: 'a process is stopped before anything is made',
    status: { phase: 'Preparing' },
    server: withClaim(claim),
    expected: { do: 'demand-stop' },
  },
  {
    name: 'the word of another claim does not count',
    status: { phase: 'Preparing' },
    server: withClaim({ ...stopped, uid: 'other' }),
    expected: { do: 'demand-stop' },
  },
  { name: 'then it runs', status: { phase: 'Preparing' }, server: withClaim(stopped), expected: { do: 'run' } },
  { name: 'what ran is taken up again', status: { phase: 'Running' }, expected: { do: 'run' } },
  { name: 'a job is waited for', status: { phase: 'Running' }, working: true, expected: { do: 'wait' } },
  {
    name: 'nothing to run needs no stop',
    spec: { skip: true },
    status: { phase: 'Preparing' },
    expected: { do: 'run' },
  },
  {
    name: 'nothing to run of a reinstallation stops the process all the same',
    spec: { skip: true, reinstall: true },
    status: { phase: 'Preparing' },
    expected: { do: 'demand-stop' },
  },
  {
    name: 'the server says that there is nothing to run',
    status: { phase: 'Preparing' },
    server: aServer({ spec: { skipEggScripts: true } }),
    expected: { do: 'run' },
  },
  {
    name: 'the installation knows better',
    spec: { skip: false },
    status: { phase: 'Preparing' },
    server: aServer({ spec: { skipEggScripts: true } }),
    expected: { do: 'demand-stop' },
  },
  {
    name: 'a verdict is recorded',
    status: { phase: 'Running' },
    verdict: { outcome, exitCode: 5 },
    expected: { do: 'conclude', verdict: { outcome, exitCode: 5 } },
  },
  {
    name: 'a cancel ends the job',
    spec: { cancel: true },
    status: { phase: 'Running' },
    working: true,
    expected: { do: 'stop-job', reason: 'Cancelled' },
  },
  {
    name: 'and once is enough',
    spec: { cancel: true },
    status: { phase: 'Running' },
    working: true,
    stopping: true,
    expected: { do: 'wait' },
  },
  {
    name: 'a cancel counts more than what came of it',
    spec: { cancel: true },
    status: { phase: 'Running' },
    verdict: { outcome },
    expected: { do: 'conclude', reason: 'Cancelled' },
  },
  {
    name: 'a server that is deleted ends it',
    status: { phase: 'Preparing' },
    server: leaving,
    working: true,
    expected: { do: 'stop-job', reason: 'ServerDeleted' },
  },
  {
    name: 'a server that is gone ends it',
    status: { phase: 'Pending' },
    server: undefined,
    expected: { do: 'conclude', reason: 'ServerDeleted' },
  },
  {
    name: 'its own deletion ends it',
    metadata: { deletionTimestamp: time },
    status: { phase: 'Pending' },
    expected: { do: 'conclude', reason: 'Deleted' },
  },
  {
    name: 'a durable outcome is not changed any more',
    spec: { cancel: true },
    metadata: { deletionTimestamp: time },
    status: { phase: 'Finalizing', outcome },
    server: leaving,
    expected: { do: 'end' },
  },
  {
    name: 'what ended lets go of its object',
    metadata: { deletionTimestamp: time, finalizers: ['aileron.dev/installation'] },
    status: { phase: 'Failed' },
    expected: { do: 'remove-finalizer' },
  },
  {
    name: 'what others hold stays',
    metadata: { deletionTimestamp: time, finalizers: ['aileron.dev/owed'] },
    status: { phase: 'Failed' },
    expected: { do: 'wait' },
  },
  {
    name: 'what ended stays for its time',
    status: { phase: 'Completed', completedAt: time },
    expected: { do: 'expire-later', at: Date.parse(time) + 60_000 },
  },
  {
    name: 'and goes then',
    status: { phase: 'Completed', completedAt: time },
    now: Date.parse(time) + 60_000,
    expected: { do: 'expire' },
  },
];

for (const { name, spec, status, metadata, expected, ...view } of cases) {
  test(name, () => {
    const installation: Installation = {
      apiVersion: 'aileron.dev/v1',
      kind: 'Installation',
      metadata: { name: 'i', uid: 'uid-i', resourceVersion: '1', generation: 1, creationTimestamp: time, ...metadata },
      spec: {
        ...{ nodeName: 'node-1', serverRef: { name: 'demo', uuid: anyUuid }, reinstall: false },
        ...{ startOnCompletion: false, cancel: false, ttlSecondsAfterFinished: 60, ...spec },
      },
      ...(status ? { status } : {}),
    };
    const rest = { nodeName: 'node-1', working: false, stopping: false, verdict: undefined, now: Date.parse(time) };
    const step = decide({ installation, server: aServer(), ...rest, ...view });
    if (!('reason' in expected)) {
      assert.deepEqual(step, expected);
      return;
    }
    const told = step.do === 'stop-job' ? step.outcome : step.do === 'conclude' ? step.verdict.outcome : undefined;
    assert.deepEqual({ do: step.do, reason: told?.reason }, expected);
    assert.equal(told?.result, 'Cancelled');
  });
}
