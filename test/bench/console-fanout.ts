// Ten thousand lines in a burst to thirty consoles: node test/bench/console-fanout.ts
// The clients run in a process of their own, so that CPU time here is that of the node. Aims: all delivered within 1.5 s
// and 1.5 CPU seconds (Pelican Wings on the same machine: 8.8 s, 7.4 CPU s). A second run has the default throttle.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { anyUuid } from '../support/builders.ts';
import { ConsoleClient } from '../support/console-client.ts';
import { ConsoleNode, panelOrigin } from '../support/console-node.ts';
import { figure } from './support/figure.ts';

const consoles = 30;
const lineCount = 10_000;
/** A container's output arrives in pieces of this size. */
const pieceBytes = 32 * 1024;
const line = '[12:34:56] [Server thread/INFO]: Steve joined the game at (102.5, 64.0, -33.1) ';

interface Task {
  port: number;
  tokens: string[];
  last: string;
}

if (process.send) await beClients();
else {
  const what = `${lineCount} lines to ${consoles} consoles`;
  const off = await measure('throttles: { enabled: false }\n');
  figure({ what: `${what}: all delivered`, value: off.seconds, unit: 's', aim: 1.5, wings: '8.8 s' });
  figure({ what: `${what}: CPU of the node`, value: off.cpuSeconds, unit: 'CPU s', aim: 1.5, wings: '7.4 CPU s' });
  figure({ what: `${what}: lost by a console`, value: lineCount - Math.min(...off.delivered), unit: 'lines', aim: 0 });
  // 2,000 lines in 100 ms for each console, and one word about the rest.
  const on = await measure('');
  const dropped = lineCount - Math.min(...on.delivered);
  figure({ what: `${what}, default throttle: dropped for a console`, value: dropped, unit: 'lines' });
  figure({ what: `${what}, default throttle: over after`, value: on.seconds, unit: 's' });
}

interface Result {
  seconds: number;
  cpuSeconds: number;
  delivered: number[];
}

async function measure(yaml: string): Promise<Result> {
  const ends: (() => Promise<void> | void)[] = [];
  const node = await ConsoleNode.start({ after: (end: () => Promise<void>) => void ends.push(end) } as never, { yaml });
  await node.add();
  await node.moveTo('starting');
  await node.moveTo('running');
  const clients = fork(import.meta.filename, { stdio: 'inherit' });
  const tokens = await Promise.all(Array.from({ length: consoles }, () => node.token()));
  const last = 'the end of the burst';
  clients.send({ port: node.port, tokens, last } satisfies Task);
  await once(clients, 'message');

  const cpu = process.cpuUsage();
  const begin = performance.now();
  let bytes = 0;
  for (let index = 0; index < lineCount - 1; index++) {
    node.print(`${line}${index}`);
    bytes += line.length;
    if (bytes < pieceBytes) continue;
    bytes = 0;
    await turn();
  }
  // Not throttled: it tells the clients that all is there.
  node.say(last);
  const [delivered] = (await once(clients, 'message')) as [number[]];
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  clients.disconnect();
  for (const end of ends) await end();
  return { seconds, cpuSeconds: (user + system) / 1e6, delivered };
}

/** The other process: answers once when all are logged in, and once when each has the last line. */
async function beClients(): Promise<void> {
  const [task] = (await once(process, 'message')) as [Task];
  const clients = await Promise.all(
    task.tokens.map(async (token) => {
      const client = await ConsoleClient.open({ port: task.port, uuid: anyUuid, origin: panelOrigin });
      await client.authenticate(token);
      return countLines(client, task.last);
    }),
  );
  process.send?.('ready');
  process.send?.(await Promise.all(clients.map(({ all }) => all)));
  await once(process, 'disconnect');
  process.exit(0);
}

/** Counts without parsing: the clients share the machine with what is measured. */
function countLines(client: ConsoleClient, last: string): { all: Promise<number> } {
  client.socket.removeAllListeners('message');
  const all = Promise.withResolvers<number>();
  let lines = 0;
  client.socket.on('message', (data: Buffer) => {
    if (!data.includes('console output')) return;
    lines += 1;
    if (data.includes(last)) all.resolve(lines);
  });
  return { all: all.promise };
}
