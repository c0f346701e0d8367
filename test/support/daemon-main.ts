// The whole daemon in a process of its own, for tests that end it without a warning. Its one argument is a file with the
// settings; orders come on standard input and messages go to standard output, one JSON line each, as daemon-child.ts has
// them. The log is standard error.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Bus } from '../../src/bus/bus.ts';
import type { Config } from '../../src/config/config.ts';
import { ConsoleInput } from '../../src/console/console-input.ts';
import { startDaemon } from '../../src/main.ts';
import { createLogger } from '../../src/telemetry/pino-log.ts';
import { Redactor } from '../../src/telemetry/redact.ts';
import type { DaemonMessage, DaemonOrder } from './daemon-child.ts';

const config = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Config;
/** One line a message: who reads lines takes U+2028 and U+2029 for the end of one. */
const tell = (message: DaemonMessage) =>
  void process.stdout.write(
    `${JSON.stringify(message).replace(/[\u2028\u2029]/g, (end) => `\\u${end.charCodeAt(0).toString(16)}`)}\n`,
  );

const log = createLogger({
  level: config.aileron.log.level,
  redactor: new Redactor(),
  terminal: false,
  write: (line) => process.stderr.write(line),
});
const bus = new Bus((error) => log.error({ err: error }, 'a subscriber of the bus failed'));
bus.subscribe(undefined, 'state', ({ state, cause }, uuid) => tell({ what: 'state', uuid, state, cause }));
bus.subscribe(undefined, 'console', ({ source, text }, uuid) => tell({ what: 'line', uuid, source, text }));
bus.subscribe(undefined, 'progress', (progress, uuid) => tell({ what: 'progress', uuid, progress }));
bus.subscribe(undefined, 'completion', (completion, uuid) => tell({ what: 'completion', uuid, completion }));
bus.subscribe(undefined, 'install', (install, uuid) => tell({ what: 'install', uuid, install }));
bus.subscribe(undefined, 'usage', (usage, uuid) => tell({ what: 'usage', uuid, usage }));

const input = new ConsoleInput();
let pauseAt: string | undefined;
let goOn = Promise.withResolvers<void>();
createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line) as DaemonOrder;
  switch (order.do) {
    case 'pause':
      pauseAt = order.at;
      tell({ what: 'armed', at: order.at });
      break;
    case 'go-on':
      pauseAt = order.pauseAt;
      goOn.resolve();
      goOn = Promise.withResolvers();
      break;
    case 'type':
      input.send(order.uuid, order.line).then(
        () => tell({ what: 'typed', id: order.id }),
        (error: Error) => tell({ what: 'typed', id: order.id, error: error.message }),
      );
      break;
    case 'echo':
      tell({ what: 'echo', id: order.id });
      break;
  }
});

const daemon = await startDaemon(config, log, {
  bus,
  input,
  async checkpoint(name) {
    if (name !== pauseAt) return;
    tell({ what: 'paused', at: name });
    await goOn.promise;
  },
});
process.once('SIGTERM', () => void daemon.stop().then(() => process.exit(0)));
void daemon.failed.then((error) => {
  log.error({ err: error }, 'the daemon cannot go on');
  process.exit(1);
});
// Last: whoever reads it may send a signal at once.
tell({ what: 'up', kube: daemon.kube.port, ops: daemon.ops.port, node: daemon.api.port });
