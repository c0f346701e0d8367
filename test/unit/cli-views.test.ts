// What commands conclude from what the node tells: the end of a power request, what top shows, what a console repeats.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statesOf } from '../../src/cli/commands/adopt.ts';
import { description } from '../../src/cli/commands/describe.ts';
import { verdictOn } from '../../src/cli/commands/power.ts';
import { newLines } from '../../src/cli/console/history-overlap.ts';
import { parseUsage } from '../../src/cli/server-usage.ts';
import { ordered, sampleOf, summary, topLines } from '../../src/cli/top-view.ts';
import { serverKind } from '../../src/resources/kinds.ts';
import type { PowerAction, ServerStatus } from '../../src/resources/server.ts';
import { anyUuid, aServer } from '../support/builders.ts';
import { testIo } from '../support/cli-io.ts';

function verdict(action: PowerAction, status: ServerStatus, request = 'mine') {
  const power = { desired: 'Running', request: { id: request, action, by: 'somebody' } } as const;
  return verdictOn(aServer({ spec: { power }, status }), action, 'mine');
}
const finished = (outcome: 'Succeeded' | 'Failed' | 'Refused', message?: string) => ({
  power: { finishedRequest: 'mine', outcome, ...(message ? { message } : {}) },
});

test('a power request is over when the node says so, a start when the game does', () => {
  assert.equal(verdict('start', {}), undefined);
  assert.equal(verdict('start', { state: 'starting', power: { observedRequest: 'mine' } }), undefined);
  assert.equal(verdict('start', { state: 'starting', ...finished('Succeeded') }), undefined);
  assert.deepEqual(verdict('start', { state: 'running', ...finished('Succeeded') }), { done: true });
  assert.deepEqual(verdict('stop', { state: 'offline', ...finished('Succeeded') }), { done: true });
  assert.deepEqual(verdict('restart', { state: 'running', power: { finishedRequest: 'older' } }), undefined);
});

test('a failure is told in the words of the node', () => {
  assert.deepEqual(verdict('start', { state: 'offline', ...finished('Failed', 'no such image') }), {
    failed: 'no such image',
  });
  assert.deepEqual(verdict('stop', { state: 'running', ...finished('Refused') }), {
    failed: 'the stop ended as refused',
  });
  const conditions = [
    { type: 'Ready', status: 'False', reason: 'Crashed', message: 'It ended with 3.', lastTransitionTime: '' },
  ] as const;
  assert.deepEqual(verdict('start', { state: 'offline', ...finished('Succeeded'), conditions: [...conditions] }), {
    failed: 'It ended with 3.',
  });
  // A crash that is answered with another start is not the end.
  assert.equal(
    verdict('start', { state: 'offline', restartAt: '2026-01-01T00:00:00Z', ...finished('Succeeded') }),
    undefined,
  );
  assert.deepEqual(verdict('kill', { state: 'offline' }, 'newer'), {
    failed: 'somebody asked for something else meanwhile: kill by somebody',
  });
});

const metrics = `# HELP aileron_server_cpu_percent x
aileron_server_state{server="${anyUuid}",state="running"} 1
aileron_server_cpu_percent{server="${anyUuid}"} 12.5
aileron_server_memory_bytes{server="${anyUuid}"} 1.048576e+06
aileron_server_network_receive_bytes{server="${anyUuid}"} 2048
aileron_server_uptime_seconds{server="${anyUuid}"} 61
other_metric{server="${anyUuid}"} 9
`;

test('top shows totals once, and what was added a second when it is live', () => {
  const server = aServer({ status: { state: 'running', diskBytes: 1024 } });
  const usage = parseUsage(metrics);
  assert.equal(usage.get(anyUuid)?.memoryBytes, 1_048_576);
  const first = sampleOf([server], usage, 1_000);
  assert.match(
    topLines(first.rows, { live: false })[1] ?? '',
    /^demo +running +12\.5 +1\.0 MiB +- +2\.0 KiB +0 B .* 1\.0 KiB +1m1s$/,
  );

  const later = parseUsage(metrics.replace(' 2048', ' 6144'));
  const second = sampleOf([server], later, 3_000, first);
  assert.equal(second.rows[0]?.rates?.receivedBytes, 2_048);
  // A process that was started anew counts from 0.
  assert.equal(sampleOf([server], usage, 4_000, second).rows[0]?.rates?.receivedBytes, 2_048);
  assert.match(topLines(second.rows, { live: true })[0] ?? '', /RECEIVED\/S/);
});

test('top tells servers that do not run, and sums up', () => {
  const rows = sampleOf(
    [aServer({ name: 'b', status: { state: 'offline' } }), aServer({ name: 'a', status: { state: 'running' } })],
    new Map(),
    0,
  ).rows;
  assert.match(topLines(rows, { live: false })[1] ?? '', /^b +offline( +-)+$/);
  assert.deepEqual(
    ordered(rows, 'cpu').map(({ name }) => name),
    ['a', 'b'],
  );
  assert.equal(summary(rows), '2 servers (1 offline, 1 running), CPU 0.0 %, memory 0 B');
});

test('a console that was connected again prints only what is new', () => {
  const daemon = '\u001b[33m\u001b[1m[pelican Daemon]:\u001b[39m Finished pulling\u001b[0m';
  const cases: [printed: string[], history: string[], fresh: string[]][] = [
    [['a', 'b', 'c'], ['b', 'c', 'd'], ['d']],
    [['a', 'b'], ['a', 'b'], []],
    [
      ['a', daemon, 'b'],
      ['a', '', 'b', '', 'c'],
      ['', 'c'],
    ],
    [['x'], ['a', 'b'], ['a', 'b']],
    [['b', 'b'], ['b', 'b', 'b'], ['b']],
    [[], ['a'], ['a']],
    [['a', 'b', 'a'], ['a', 'b', 'a', 'c'], ['c']],
  ];
  for (const [printed, history, fresh] of cases) assert.deepEqual(newLines(printed, history), fresh, printed.join());
});

test('a description hides the memory of apply, and control characters of others', () => {
  const server = aServer({
    metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', note: 'a\u001b[2Jb' } },
    status: { state: 'running', operation: { action: 'stop', cause: 'Request', startedAt: '2026-01-01T00:00:00Z' } },
  });
  const text = description(testIo(), serverKind, server, [], Date.parse('2026-01-01T00:01:00Z')).join('\n');
  assert.match(text, /^Annotations: +note=ab$/m);
  assert.match(text, /^Operation under way:\n {2}action: stop$/m);
  assert.match(text, /^Created: +2026-01-01T00:00:00Z \(1m0s ago\)$/m);
  assert.match(text, /^Events:\n {2}none$/m);
});

test('states of Wings are taken whole or not at all', () => {
  const entry = (state: unknown, uuid: unknown = anyUuid) => ({ state, configuration: { uuid } });
  assert.deepEqual(statesOf(JSON.stringify([entry('running')]), 'u'), { [anyUuid]: 'running' });
  assert.deepEqual(statesOf('[]', 'u'), {});
  for (const text of ['<html>', '{}', 'null']) assert.throws(() => statesOf(text, 'u'), /is not Wings/);
  for (const wrong of [entry('missing'), entry('running', '../x'), null])
    assert.throws(() => statesOf(JSON.stringify([entry('running'), wrong]), 'u'), /nothing was written/);
});
