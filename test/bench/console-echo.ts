// From a typed line to its echo, through the whole daemon and a real engine: node test/bench/console-echo.ts
// The daemon runs in a process of its own. Aim: p50 ≤ 5 ms (Pelican Wings on the same machine: 8 ms).
import { setTimeout as sleep } from 'node:timers/promises';
import { consoleToken, openConsole } from '../support/live-console.ts';
import { LiveNode } from '../support/live-node.ts';
import { figure, percentile } from './support/figure.ts';

const rounds = 200;
/** One command a second is what a socket may send; several take turns. */
const consoles = 10;

const ends: (() => unknown)[] = [];
const owner = { after: (end: () => unknown) => ends.push(end) };
try {
  const node = await LiveNode.make(owner);
  await node.start();
  const echo = 'echo Done; while read -r line; do echo "got $line"; done';
  const uuid = await node.addRunning('echo', { invocation: echo });
  const clients = await Promise.all(
    Array.from({ length: consoles }, async () => {
      const client = await openConsole(owner, node.daemon.nodePort, uuid);
      await client.authenticate(await consoleToken(node.config, uuid));
      return client;
    }),
  );
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const client = clients[round % consoles];
    if (!client) continue;
    const echoed = Promise.withResolvers<void>();
    const listen = (data: Buffer) => data.includes(`got ${round}"`) && echoed.resolve();
    client.socket.on('message', listen);
    const begin = performance.now();
    client.send('send command', String(round));
    await echoed.promise;
    times.push(performance.now() - begin);
    client.socket.off('message', listen);
    await sleep(120);
  }
  figure({ what: 'echo of a typed line, p50', value: percentile(times, 50), unit: 'ms', aim: 5, wings: '8 ms' });
  figure({ what: 'echo of a typed line, p99', value: percentile(times, 99), unit: 'ms' });
} finally {
  for (const end of ends.reverse()) await end();
}
