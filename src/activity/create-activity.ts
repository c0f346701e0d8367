// Activity as one thing to start and stop: the recorder that doors and controllers are given, and behind it the journal
// and the way to the Panel. Without a Panel nothing is kept.
import type { Registry } from 'prom-client';
import type { Bus } from '../bus/bus.ts';
import type { Clock } from '../clock/clock.ts';
import type { Flavour } from '../config/config.ts';
import type { Logger } from '../telemetry/log.ts';
import type { ActivityRecorder } from './activity.ts';
import { createActivityMetrics } from './activity-metrics.ts';
import { Delivery, type SendActivity } from './delivery.ts';
import { Recorder } from './recorder.ts';
import { WorkerJournal } from './worker-journal.ts';

export interface ActivityOptions {
  flavour: Flavour;
  /** The journal's database, in a directory that exists. */
  path: string;
  /** Of Wings, whose rows are taken over. */
  wingsPath: string;
  /** Seconds between reports, and entries of one. */
  sendInterval: number;
  sendCount: number;
  /** Undefined without a Panel. */
  send: SendActivity | undefined;
  bus: Bus;
  clock: Clock;
  log: Logger;
  registry?: Registry;
}

export interface ActivityParts {
  recorder: ActivityRecorder;
  /** What an earlier daemon or Wings left is sent after one interval, as everything else. */
  start(): void;
  close(): Promise<void>;
}

export function createActivity(options: ActivityOptions): ActivityParts {
  const { flavour, path, wingsPath, sendInterval, sendCount, send, bus, clock, log, registry } = options;
  const metrics = createActivityMetrics(registry);
  if (!send) {
    const recorder = new Recorder({ bus, clock, flavour, metrics, keep: undefined });
    return { recorder, start() {}, close: async () => {} };
  }
  const journal = new WorkerJournal({ path, wingsPath, clock, log, metrics });
  const delivery = new Delivery({
    ...{ journal, send, clock, log, metrics },
    intervalMs: sendInterval * 1000,
    count: sendCount,
  });
  const recorder = new Recorder({
    ...{ bus, clock, flavour, metrics },
    keep: (activity) => {
      journal.add(activity);
      delivery.added();
    },
  });
  return {
    recorder,
    start: () => delivery.start(),
    async close() {
      await delivery.close();
      await journal.close();
    },
  };
}
