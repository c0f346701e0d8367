// The JSON of servers is made once for each state of a server, and is never that of another state.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Usage } from '../../src/bus/bus.ts';
import { RequestRefused } from '../../src/http/wings/http-errors.ts';
import { knownServers } from '../../src/http/wings/route-deps.ts';
import { ServerAnswers } from '../../src/http/wings/server-answers.ts';
import { serverAnswer } from '../../src/panel/server-answer.ts';
import type { Server } from '../../src/resources/server.ts';
import { aServer } from '../support/builders.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** How often each server was made into JSON is counted where its environment is. */
class AnswersBench {
  made = 0;
  usage: Usage | undefined;
  crashDetection = true;
  readonly answers = new ServerAnswers({ usage: () => this.usage, crashDetection: () => this.crashDetection });

  server(displayName: string, state: 'running' | 'offline' = 'running'): Server {
    const environment = {
      toJSON: () => {
        this.made += 1;
        return {};
      },
    };
    return aServer({ spec: { displayName, environment: environment as never }, status: { state } });
  }
}

const usage: Usage = {
  ...{ cpuAbsolute: 1, memoryBytes: 2, memoryLimitBytes: 3, uptimeMs: 4 },
  ...{ networkRxBytes: 5, networkTxBytes: 6, blockReadBytes: 7, blockWriteBytes: 8 },
};

test('a server that stays as it is is made into JSON once, alone or among all', () => {
  const bench = new AnswersBench();
  const server = bench.server('one');
  for (let n = 0; n < 3; n += 1) bench.answers.one(server);
  bench.answers.all([server]);
  assert.equal(bench.made, 1);
});

test('a change, a new usage and another setting of the node are seen at once', () => {
  const bench = new AnswersBench();
  const server = bench.server('one');
  const seen = (of: Server) => JSON.parse(bench.answers.one(of));
  assert.equal(seen(server).utilization.memory_bytes, 0);
  bench.usage = usage;
  assert.equal(seen(server).utilization.memory_bytes, 2);
  bench.usage = { ...usage, memoryBytes: 20 };
  assert.equal(seen(server).utilization.memory_bytes, 20);
  bench.crashDetection = false;
  assert.equal(seen(server).configuration.crash_detection_enabled, false);
  assert.equal(seen(bench.server('another')).configuration.meta.name, 'another');
  assert.equal(bench.made, 5);
});

test('all together are the list of each, whatever their names are written in', () => {
  const bench = new AnswersBench();
  const servers = ['plain', 'größe', '日本', '🎮 "quoted"', '\ud800'].map((name) => bench.server(name, 'offline'));
  for (const count of [0, 1, servers.length]) {
    const some = servers.slice(0, count);
    const expected = JSON.stringify(some.map((server) => serverAnswer(server, { crashDetection: true })));
    assert.deepEqual(bench.answers.all(some).toString('utf8'), expected);
  }
});

test('once all servers are known no request waits for them, or asks again', async () => {
  let asked = 0;
  const lookup = {
    synced: async () => {
      asked += 1;
      if (asked === 1) throw new Error('not yet');
    },
    ...{ byUuid: () => undefined, list: () => [], onChange: () => () => {} },
  };
  const deps = { servers: lookup, clock: new FakeClock() };
  await assert.rejects(knownServers(deps), RequestRefused);
  for (let n = 0; n < 5; n += 1) await knownServers(deps);
  assert.equal(asked, 2);
});
