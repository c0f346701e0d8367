// A node with five hundred servers and a Panel that takes its time: the node is ready and answers before the Panel does, the
// first time with nothing and later with what it knows; it asks a few things at a time, writes nothing twice, and stays small.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Server } from '../../src/resources/server.ts';
import { needsDocker } from '../support/docker.ts';
import { httpCall } from '../support/http-call.ts';
import { newestFirst } from '../support/owner.ts';
import { LivePanel } from '../support/panel/live-panel.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 240_000 };
const patienceMs = 90_000;
const count = 500;

/** Of the whole process, its threads included. What it needs is about half. */
const mostMebibytes = 400;

test(
  'five hundred servers of a slow Panel: ready before it answers, also from what it said the last time',
  options,
  async (t) => {
    const live = await LivePanel.make(newestFirst(t));
    const { panel, node } = live;
    const { state } = panel;
    for (let number = 1; number <= count; number += 1) state.addServer();
    /** The Panel answers no question before this is resolved, and each a second late. */
    const slow = () => {
      const gate = Promise.withResolvers<void>();
      panel.clear();
      panel.seen.length = 0;
      panel.mostOpen = 0;
      panel.weather({ when: ({ method }) => method === 'GET', until: gate.promise, delayMs: 1_000 });
      for (const row of state.servers.values()) delete row.containerStatus;
      return gate;
    };
    const ask = (path: string) =>
      httpCall(node.daemon.nodePort, path, { headers: { authorization: `Bearer ${panel.node.token}` } });
    const listed = async () => (await ask('/api/servers')).json() as { state: string }[];
    const ready = async () => (await fetch(`http://127.0.0.1:${node.daemon.opsPort}/readyz`)).status === 200;
    const told = () =>
      until('every state was told', patienceMs, async () =>
        [...state.servers.values()].every(({ containerStatus }) => containerStatus === 'offline'),
      );
    const mebibytes = () => {
      const status = readFileSync(`/proc/${node.daemon.pid}/status`, 'utf8');
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
    };

    const first = slow();
    await node.start();
    await until('it is ready', patienceMs, ready);
    assert.deepEqual(await listed(), []);
    first.resolve();
    await until('all servers are there', patienceMs, async () => (await listed()).length === count);
    await told();
    assert.equal(panel.requests('GET /servers').length, 10);
    assert.equal(panel.requests('GET /servers/:id').length, 0, 'none by one');
    assert.equal(panel.requests('POST /servers/:id/container/status').length, count);
    assert.ok(panel.mostOpen <= 6, `${panel.mostOpen} requests at a time`);
    const servers = (await node.api.list('servers')) as Server[];
    assert.ok(
      servers.every(({ metadata }) => metadata.generation === 1),
      'nothing was written twice',
    );
    assert.ok(mebibytes() < mostMebibytes, `${mebibytes()} MiB`);

    const second = slow();
    await node.killAndStart();
    await until('it is ready', patienceMs, ready);
    await until('all are known', patienceMs, async () => (await listed()).length === count);
    await until('all were looked at', patienceMs, async () => (await listed()).every((one) => one.state === 'offline'));
    assert.equal((await ask(`/api/servers/${servers[0]?.metadata.name}`)).status, 200);
    assert.ok(
      panel.seen.every(({ status }) => status === 0),
      'the Panel has said nothing yet',
    );
    second.resolve();
    await told();
    assert.equal(panel.requests('GET /servers').length, 10);
    const versions = (list: Server[]) => list.map(({ metadata }) => [metadata.name, metadata.generation]);
    assert.deepEqual(versions((await node.api.list('servers')) as Server[]), versions(servers));
    assert.ok(mebibytes() < mostMebibytes, `${mebibytes()} MiB`);
  },
);
