import assert from 'node:assert/strict';
import test from 'node:test';
import { decide, type Step, type View } from '../../../controllers/server/decision.ts';
import { unlistedCondition } from '../../../src/resources/listed.ts';
import type { ServerSpec, ServerStatus } from '../../../src/resources/server.ts';
import { aServer } from '../../support/builders.ts';

const startedAt = '2026-01-01T00:00:00Z';
const now = Date.parse('2026-01-01T00:10:00Z');

interface Case extends Partial<Omit<View, 'server'>> {
  name: string;
  spec?: Partial<ServerSpec>;
  status?: ServerStatus;
  deleting?: boolean;
  expected: Step;
}

const request = (action: 'start' | 'stop' | 'restart' | 'kill', id = 'r2'): Partial<ServerSpec> => ({
  power: { desired: action === 'start' || action === 'restart' ? 'Running' : 'Stopped', request: { id, action } },
});
const startOperation = { action: 'start', cause: 'Request', request: 'r1', startedAt } as const;
const crashStart = { action: 'start', cause: 'Crash', startedAt } as const;
const unlisted = [{ ...unlistedCondition, lastTransitionTime: startedAt }];
const running = { container: 'running', attached: true } as const;

const cases: Case[] = [
  { name: 'a new server without a container becomes offline', expected: { do: 'mark-offline' } },
  { name: 'an offline server rests', status: { state: 'offline' }, expected: { do: 'settle' } },
  {
    name: 'a start request is recorded first',
    status: { state: 'offline' },
    spec: request('start'),
    expected: { do: 'begin', action: 'start', cause: 'Request', request: 'r2' },
  },
  {
    name: 'a recorded operation is carried out',
    status: { state: 'offline', operation: startOperation },
    spec: request('start', 'r1'),
    expected: { do: 'resume', operation: startOperation },
  },
  {
    name: 'work under way is left alone',
    job: { action: 'start', request: 'r1' },
    status: { state: 'starting', operation: startOperation },
    spec: request('start', 'r1'),
    expected: { do: 'wait' },
  },
  {
    name: 'a kill overtakes a start under way',
    job: { action: 'start', request: 'r1' },
    status: { state: 'starting', operation: startOperation },
    spec: request('kill'),
    expected: { do: 'cancel', reason: 'overtaken by a request to kill' },
  },
  {
    name: 'a kill replaces a recorded start that no job carries out',
    status: { state: 'starting', operation: startOperation },
    spec: request('kill'),
    expected: { do: 'begin', action: 'kill', cause: 'Request', request: 'r2' },
  },
  {
    name: 'a start request does not disturb a start after a crash',
    job: { action: 'start' },
    status: { state: 'starting', operation: crashStart },
    spec: request('start'),
    expected: { do: 'wait' },
  },
  {
    name: 'a stop request overtakes a start after a crash',
    job: { action: 'start' },
    status: { state: 'starting', operation: crashStart },
    spec: request('stop'),
    expected: { do: 'cancel', reason: 'overtaken by a request to stop' },
  },
  {
    name: 'suspension ends a start under way',
    job: { action: 'start' },
    status: { state: 'starting', operation: crashStart },
    spec: { suspended: true },
    expected: { do: 'cancel', reason: 'server is currently in a suspended state' },
  },
  {
    name: 'suspension refuses a start',
    status: { state: 'offline' },
    spec: { ...request('start'), suspended: true },
    expected: { do: 'finish', request: 'r2', outcome: 'Refused', message: 'server is currently in a suspended state' },
  },
  {
    name: 'suspension stops a running server',
    ...running,
    status: { state: 'running' },
    spec: { suspended: true },
    expected: { do: 'begin', action: 'stop', cause: 'Suspended' },
  },
  {
    name: 'suspension drops a restart that was planned',
    status: { state: 'offline', restartAt: startedAt },
    spec: { suspended: true },
    expected: { do: 'settle' },
  },
  {
    name: 'suspension forgets a start that had not begun',
    status: { state: 'offline', operation: crashStart },
    spec: { suspended: true },
    expected: { do: 'abandon' },
  },
  {
    name: 'a start of a running server has nothing to do',
    ...running,
    status: { state: 'running' },
    spec: request('start'),
    expected: { do: 'finish', request: 'r2', outcome: 'Succeeded', message: 'server is running' },
  },
  {
    name: 'a stop of an offline server has nothing to do',
    status: { state: 'offline' },
    spec: request('stop'),
    expected: { do: 'finish', request: 'r2', outcome: 'Succeeded', message: 'server is offline' },
  },
  {
    name: 'a kill reaches a container that runs although the state is offline',
    ...running,
    status: { state: 'offline' },
    spec: request('kill'),
    expected: { do: 'begin', action: 'kill', cause: 'Request', request: 'r2' },
  },
  {
    name: 'a finished request is not repeated',
    ...running,
    status: { state: 'running', power: { finishedRequest: 'r2' } },
    spec: request('start'),
    expected: { do: 'settle' },
  },
  { name: 'a container that runs unknown to us is taken over', container: 'running', expected: { do: 'attach' } },
  {
    name: 'a container started by hand is taken over',
    container: 'running',
    status: { state: 'offline' },
    expected: { do: 'attach' },
  },
  {
    name: 'a lost session is opened again',
    container: 'running',
    status: { state: 'running' },
    expected: { do: 'attach' },
  },
  {
    name: 'a server that was told to stop in its console is left to itself',
    ...running,
    status: { state: 'stopping' },
    expected: { do: 'settle' },
  },
  {
    name: 'the done line makes it running',
    ...running,
    doneSeen: true,
    status: { state: 'starting' },
    expected: { do: 'mark-running' },
  },
  {
    name: 'without a done line it goes on starting',
    ...running,
    status: { state: 'starting' },
    expected: { do: 'settle' },
  },
  {
    name: 'too much on disk stops it',
    ...running,
    overDiskLimit: true,
    status: { state: 'running' },
    expected: { do: 'begin', action: 'stop', cause: 'DiskLimit' },
  },
  {
    name: 'an end before our eyes goes through the crash rules',
    container: 'stopped',
    witnessedExit: true,
    status: { state: 'running' },
    expected: { do: 'handle-exit' },
  },
  {
    name: 'a container removed behind our back does too',
    container: 'missing',
    witnessedExit: true,
    status: { state: 'starting' },
    expected: { do: 'handle-exit' },
  },
  {
    name: 'an end that nobody saw is an outage: it starts again',
    container: 'stopped',
    status: { state: 'running' },
    expected: { do: 'begin', action: 'start', cause: 'Outage' },
  },
  {
    name: 'what its Panel lists no more is not started after an outage',
    status: { state: 'running', conditions: unlisted },
    container: 'stopped',
    expected: { do: 'mark-offline' },
  },
  {
    name: 'nor by a restart that was planned',
    status: { state: 'offline', restartAt: startedAt, conditions: unlisted },
    expected: { do: 'settle' },
  },
  {
    name: 'and who asks for it gets it',
    status: { state: 'offline', conditions: unlisted },
    spec: request('start'),
    expected: { do: 'begin', action: 'start', cause: 'Request', request: 'r2' },
  },
  {
    name: 'a stop that had ended when the daemon died is finished',
    container: 'stopped',
    status: { state: 'stopping' },
    expected: { do: 'mark-offline' },
  },
  {
    name: 'a planned restart waits for its time',
    status: { state: 'offline', restartAt: '2026-01-01T00:11:00Z' },
    expected: { do: 'restart-later', at: now + 60_000 },
  },
  {
    name: 'a planned restart is due',
    status: { state: 'offline', restartAt: '2026-01-01T00:09:00Z' },
    expected: { do: 'begin', action: 'start', cause: 'RestartPolicy' },
  },
  {
    name: 'a planned restart that a clock jump put far away is due',
    status: { state: 'offline', restartAt: '2026-01-02T00:00:00Z' },
    expected: { do: 'begin', action: 'start', cause: 'RestartPolicy' },
  },
  {
    name: 'deletion cancels work under way',
    deleting: true,
    job: { action: 'start' },
    status: { state: 'starting' },
    expected: { do: 'cancel', reason: 'the server is being deleted' },
  },
  { name: 'deletion goes on', deleting: true, job: { action: 'delete' }, expected: { do: 'remove' } },
  { name: 'deletion comes before a request', deleting: true, spec: request('start'), expected: { do: 'remove' } },
  {
    name: 'a foreign container is not taken over',
    container: 'foreign',
    status: { state: 'offline' },
    expected: { do: 'settle' },
  },
];

for (const { name, spec, status, deleting, expected, ...view } of cases) {
  test(`decide: ${name}`, () => {
    const server = aServer({
      ...(spec ? { spec } : {}),
      ...(status ? { status } : {}),
      ...(deleting ? { metadata: { deletionTimestamp: startedAt } } : {}),
    });
    const step = decide({
      container: 'missing',
      attached: false,
      witnessedExit: false,
      doneSeen: false,
      overDiskLimit: false,
      inherited: undefined,
      job: undefined,
      now,
      ...view,
      server,
    });
    assert.deepEqual(step, expected);
  });
}
