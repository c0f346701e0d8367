// Every metric of the runtime, by the names, labels and buckets of controller-runtime and client-go's work queue, so
// that dashboards made for Kubernetes controllers work unchanged. What those do not have is named aileron_*.
// Each label value is set to 0 when its owner is made: a counter that appears later hides its first increase.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** How a run ended. `requeue`: it was cancelled for a newer wish and runs again at once. */
export const reconcileResults = ['success', 'requeue_after', 'requeue', 'error'] as const;
export type ReconcileResult = (typeof reconcileResults)[number];

export const relistReasons = ['expired', 'error'] as const;
export type RelistReason = (typeof relistReasons)[number];

export const jobResults = ['succeeded', 'failed', 'cancelled'] as const;
export type JobResult = (typeof jobResults)[number];

export const droppedEventReasons = ['queue_full', 'spam', 'store'] as const;
export type DroppedEventReason = (typeof droppedEventReasons)[number];

export interface ControllerMetrics {
  started(): void;
  ended(result: ReconcileResult, seconds: number): void;
  /** Beside `ended('error')`. */
  terminalError(): void;
  /** Beside `ended('error')`: the error is a mistake of the program, not of the world. */
  panic(): void;
}

export interface QueueMetrics {
  depth(length: number): void;
  added(): void;
  retried(): void;
  /** A worker took the key after so many seconds in the queue. */
  taken(secondsQueued: number): void;
  worked(seconds: number): void;
}

export interface InformerMetrics {
  objects(count: number): void;
  relisted(reason: RelistReason): void;
}

export interface JobsMetrics {
  running(count: number): void;
  ended(result: JobResult): void;
  refused(): void;
}

export interface EventMetrics {
  written(): void;
  dropped(reason: DroppedEventReason): void;
}

export interface RuntimeMetrics {
  controller(name: string, workers: number): ControllerMetrics;
  /** `runningSeconds` answers at scrape time how long each key in a worker's hand has been there. */
  queue(name: string, runningSeconds: () => number[]): QueueMetrics;
  informer(kind: string): InformerMetrics;
  jobs(name: string): JobsMetrics;
  events(): EventMetrics;
}

/** controller-runtime's buckets of `controller_runtime_reconcile_time_seconds`. */
const reconcileTimeBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];

/** client-go's buckets of both work queue histograms: twelve, from 10 ns, ten times as much each. */
const queueTimeBuckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000];

/** Call once a registry. */
export function createRuntimeMetrics(registry: Registry): RuntimeMetrics {
  const registers = [registry];
  const controller = controllerMetrics(registers);
  const queue = queueMetrics(registers);
  const informer = informerMetrics(registers);
  const jobs = jobsMetrics(registers);
  const events = eventMetrics(registers);
  return { controller, queue, informer, jobs, events };
}

function controllerMetrics(registers: Registry[]): RuntimeMetrics['controller'] {
  const labelNames = ['controller'] as const;
  const total = new Counter({
    name: 'controller_runtime_reconcile_total',
    help: 'Total number of reconciliations per controller and result',
    labelNames: ['controller', 'result'] as const,
    registers,
  });
  const errors = new Counter({
    name: 'controller_runtime_reconcile_errors_total',
    help: 'Total number of reconciliation errors per controller',
    labelNames,
    registers,
  });
  const terminalErrors = new Counter({
    name: 'controller_runtime_terminal_reconcile_errors_total',
    help: 'Total number of reconciliation errors per controller that only a change of the object can help',
    labelNames,
    registers,
  });
  const panics = new Counter({
    name: 'controller_runtime_reconcile_panics_total',
    help: 'Total number of reconciliations per controller that ended in a mistake of the program',
    labelNames,
    registers,
  });
  const time = new Histogram({
    name: 'controller_runtime_reconcile_time_seconds',
    help: 'Length of time per reconciliation per controller',
    labelNames,
    buckets: reconcileTimeBuckets,
    registers,
  });
  const maxConcurrent = new Gauge({
    name: 'controller_runtime_max_concurrent_reconciles',
    help: 'Maximum number of concurrent reconciles per controller',
    labelNames,
    registers,
  });
  const active = new Gauge({
    name: 'controller_runtime_active_workers',
    help: 'Number of workers per controller that hold a key',
    labelNames,
    registers,
  });

  return (name, workers) => {
    const labels = { controller: name };
    maxConcurrent.set(labels, workers);
    active.set(labels, 0);
    for (const result of reconcileResults) total.inc({ ...labels, result }, 0);
    for (const counter of [errors, terminalErrors, panics]) counter.inc(labels, 0);
    time.zero(labels);
    return {
      started: () => active.inc(labels),
      ended(result, seconds) {
        active.dec(labels);
        total.inc({ ...labels, result });
        if (result === 'error') errors.inc(labels);
        time.observe(labels, seconds);
      },
      terminalError: () => terminalErrors.inc(labels),
      panic: () => panics.inc(labels),
    };
  };
}

function queueMetrics(registers: Registry[]): RuntimeMetrics['queue'] {
  const labelNames = ['name', 'controller'] as const;
  const running = new Map<string, () => number[]>();
  const depth = new Gauge({
    name: 'workqueue_depth',
    help: 'Current depth of workqueue',
    labelNames,
    registers,
  });
  const adds = new Counter({
    name: 'workqueue_adds_total',
    help: 'Total number of adds handled by workqueue',
    labelNames,
    registers,
  });
  const retries = new Counter({
    name: 'workqueue_retries_total',
    help: 'Total number of retries handled by workqueue',
    labelNames,
    registers,
  });
  const queueDuration = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long in seconds an item stays in workqueue before being requested',
    labelNames,
    buckets: queueTimeBuckets,
    registers,
  });
  const workDuration = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long in seconds processing an item from workqueue takes',
    labelNames,
    buckets: queueTimeBuckets,
    registers,
  });
  new Gauge({
    name: 'workqueue_unfinished_work_seconds',
    help: 'Seconds of work in progress that workqueue_work_duration_seconds has not seen yet; large values mean stuck workers',
    labelNames,
    registers,
    collect() {
      for (const [name, seconds] of running) this.set({ name, controller: name }, sum(seconds()));
    },
  });
  new Gauge({
    name: 'workqueue_longest_running_processor_seconds',
    help: 'How many seconds the longest running worker of the workqueue has been at its item',
    labelNames,
    registers,
    collect() {
      for (const [name, seconds] of running) this.set({ name, controller: name }, Math.max(0, ...seconds()));
    },
  });

  return (name, runningSeconds) => {
    const labels = { name, controller: name };
    running.set(name, runningSeconds);
    depth.set(labels, 0);
    adds.inc(labels, 0);
    retries.inc(labels, 0);
    queueDuration.zero(labels);
    workDuration.zero(labels);
    return {
      depth: (length) => depth.set(labels, length),
      added: () => adds.inc(labels),
      retried: () => retries.inc(labels),
      taken: (seconds) => queueDuration.observe(labels, seconds),
      worked: (seconds) => workDuration.observe(labels, seconds),
    };
  };
}

function informerMetrics(registers: Registry[]): RuntimeMetrics['informer'] {
  const objects = new Gauge({
    name: 'aileron_informer_objects',
    help: 'Objects in the cache of an informer',
    labelNames: ['kind'] as const,
    registers,
  });
  const relists = new Counter({
    name: 'aileron_informer_relists_total',
    help: 'How often an informer had to read everything again',
    labelNames: ['kind', 'reason'] as const,
    registers,
  });
  return (kind) => {
    objects.set({ kind }, 0);
    for (const reason of relistReasons) relists.inc({ kind, reason }, 0);
    return {
      objects: (count) => objects.set({ kind }, count),
      relisted: (reason) => relists.inc({ kind, reason }),
    };
  };
}

function jobsMetrics(registers: Registry[]): RuntimeMetrics['jobs'] {
  const running = new Gauge({
    name: 'aileron_jobs_running',
    help: 'Long jobs under way outside the workers',
    labelNames: ['name'] as const,
    registers,
  });
  const ended = new Counter({
    name: 'aileron_jobs_total',
    help: 'Long jobs that ended',
    labelNames: ['name', 'result'] as const,
    registers,
  });
  const refused = new Counter({
    name: 'aileron_jobs_refused_total',
    help: 'Starts that found every place taken',
    labelNames: ['name'] as const,
    registers,
  });
  return (name) => {
    running.set({ name }, 0);
    refused.inc({ name }, 0);
    for (const result of jobResults) ended.inc({ name, result }, 0);
    return {
      running: (count) => running.set({ name }, count),
      ended: (result) => ended.inc({ name, result }),
      refused: () => refused.inc({ name }),
    };
  };
}

function eventMetrics(registers: Registry[]): RuntimeMetrics['events'] {
  const written = new Counter({
    name: 'aileron_events_written_total',
    help: 'Events and repetitions of events that reached the store',
    registers,
  });
  const dropped = new Counter({
    name: 'aileron_events_dropped_total',
    help: 'Events that never reached the store, by reason',
    labelNames: ['reason'] as const,
    registers,
  });
  return () => {
    for (const reason of droppedEventReasons) dropped.inc({ reason }, 0);
    return { written: () => written.inc(), dropped: (reason) => dropped.inc({ reason }) };
  };
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
