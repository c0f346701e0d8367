// What one server is to do next while a restore holds it: nothing begins a process, and with stopServer the one that
// runs makes way.
import assert from 'node:assert/strict';
import test from 'node:test';
import { decide, type Step, type View } from '../../../controllers/server/decision.ts';
import type { PowerAction, ServerClaim, ServerSpec, ServerStatus } from '../../../src/resources/server.ts';
import { aServer } from '../../support/builders.ts';

const startedAt = '2026-01-01T00:00:00Z';
const now = Date.parse('2026-01-01T00:10:00Z');
const claim: ServerClaim = { kind: 'Restore', name: 'r', uid: 'u', since: startedAt };
const stopping: ServerClaim = { ...claim, stopServer: true };
const refusal = 'server is currently being restored';

interface Case extends Partial<Omit<View, 'server'>> {
  name: string;
  spec?: Partial<ServerSpec>;
  status: ServerStatus;
  expected: Step;
}

const request = (action: PowerAction, id = 'r2'): Partial<ServerSpec> => ({
  power: { desired: action === 'start' || action === 'restart' ? 'Running' : 'Stopped', request: { id, action } },
});
const operation = (action: PowerAction, cause: 'Request' | 'Crash' | 'Outage' | 'Restore' | 'DiskLimit') => ({
  action,
  cause,
  startedAt,
  ...(cause === 'Request' ? { request: 'r1' } : {}),
});
const running = { container: 'running', attached: true } as const;
const refused: Step = { do: 'finish', request: 'r2', outcome: 'Refused', message: refusal };

const cases: Case[] = [
  {
    name: 'a start that came in between is refused',
    status: { state: 'offline', claim },
    spec: request('start'),
    expected: refused,
  },
  {
    name: 'so is a restart',
    ...running,
    status: { state: 'running', claim },
    spec: request('restart'),
    expected: refused,
  },
  {
    name: 'a backup hinders no start',
    status: { state: 'offline', claim: { ...claim, kind: 'Backup' } },
    spec: request('start'),
    expected: { do: 'begin', action: 'start', cause: 'Request', request: 'r2' },
  },
  {
    name: 'a stop is carried out',
    ...running,
    status: { state: 'running', claim },
    spec: request('stop'),
    expected: { do: 'begin', action: 'stop', cause: 'Request', request: 'r2' },
  },
  {
    name: 'a process runs on while nothing asks for its end',
    ...running,
    status: { state: 'running', claim },
    expected: { do: 'settle' },
  },
  {
    name: 'an end before our eyes is handled',
    container: 'stopped',
    witnessedExit: true,
    status: { state: 'running', claim },
    expected: { do: 'handle-exit' },
  },
  {
    name: 'what an outage ended waits',
    container: 'stopped',
    status: { state: 'running', claim },
    expected: { do: 'settle' },
  },
  {
    name: 'a planned restart waits',
    status: { state: 'offline', claim, restartAt: '2026-01-01T00:09:00Z' },
    expected: { do: 'settle' },
  },
  {
    name: 'a recorded start that no job carries out waits',
    status: { state: 'offline', claim, operation: operation('start', 'Crash') },
    expected: { do: 'settle' },
  },
  {
    name: 'a start under way goes on until the process is in the way',
    job: { action: 'start' },
    status: { state: 'starting', claim, operation: operation('start', 'Crash') },
    expected: { do: 'wait' },
  },
  {
    name: 'then it is cancelled',
    job: { action: 'start' },
    status: { state: 'starting', claim: stopping, operation: operation('start', 'Crash') },
    expected: { do: 'cancel', reason: refusal },
  },
  {
    name: 'a start by itself that was cancelled makes way',
    status: { state: 'starting', claim: stopping, operation: operation('start', 'Crash') },
    expected: { do: 'yield' },
  },
  {
    name: 'a requested start that was cancelled is refused',
    status: { state: 'starting', claim: stopping, operation: operation('start', 'Request') },
    spec: request('start', 'r2'),
    expected: refused,
  },
  {
    name: 'the process is stopped',
    ...running,
    status: { state: 'running', claim: stopping },
    expected: { do: 'begin', action: 'stop', cause: 'Restore' },
  },
  {
    name: 'the stop under way is waited for',
    ...running,
    job: { action: 'stop' },
    status: { state: 'stopping', claim: stopping, operation: operation('stop', 'Restore') },
    expected: { do: 'wait' },
  },
  {
    name: 'a stop for another reason is waited for',
    ...running,
    job: { action: 'stop' },
    status: { state: 'stopping', claim: stopping, operation: operation('stop', 'DiskLimit') },
    expected: { do: 'wait' },
  },
  {
    name: 'a requested stop that may take ten minutes is taken over',
    ...running,
    job: { action: 'stop', request: 'r2' },
    status: { state: 'stopping', claim: stopping, operation: { ...operation('stop', 'Request'), request: 'r2' } },
    spec: request('stop'),
    expected: { do: 'cancel', reason: refusal },
  },
  {
    name: 'and answers its request at its end',
    ...running,
    status: { state: 'stopping', claim: stopping, operation: { ...operation('stop', 'Request'), request: 'r2' } },
    spec: request('stop'),
    expected: { do: 'begin', action: 'stop', cause: 'Restore', request: 'r2' },
  },
  {
    name: 'a kill is quicker than the stop',
    ...running,
    job: { action: 'stop' },
    status: { state: 'stopping', claim: stopping, operation: operation('stop', 'Restore') },
    spec: request('kill'),
    expected: { do: 'cancel', reason: 'overtaken by a request to kill' },
  },
  {
    name: 'what an outage ended is put to rest',
    container: 'stopped',
    status: { state: 'running', claim: stopping },
    expected: { do: 'begin', action: 'stop', cause: 'Restore' },
  },
  {
    name: 'a planned restart makes way',
    status: { state: 'offline', claim: stopping, restartAt: '2026-01-01T00:09:00Z' },
    expected: { do: 'yield' },
  },
  {
    name: 'a server that was never looked at is offline first',
    status: { claim: stopping },
    expected: { do: 'mark-offline' },
  },
  {
    name: 'that it is stopped is told',
    status: { state: 'offline', claim: stopping },
    expected: { do: 'confirm-stopped' },
  },
  {
    name: 'once',
    status: { state: 'offline', claim: { ...stopping, stopped: true } },
    expected: { do: 'settle' },
  },
  {
    name: 'a process that somebody starts by hand is stopped again',
    ...running,
    status: { state: 'offline', claim: { ...stopping, stopped: true } },
    expected: { do: 'begin', action: 'stop', cause: 'Restore' },
  },
  {
    name: 'after the restore a recorded start is carried out',
    status: { state: 'offline', operation: operation('start', 'Restore') },
    expected: { do: 'resume', operation: operation('start', 'Restore') },
  },
];

for (const { name, spec, status, expected, ...view } of cases) {
  test(`decide, held by a restore: ${name}`, () => {
    const server = aServer({ ...(spec ? { spec } : {}), status });
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
