// Follows cron lines: makes Backup objects when they come due, and deletes those that no keep rule wants. What it makes is
// desired state like anybody else's: the archives are the work of others.
//
// From each state it does this:
// - new: plans the first run after its creation and stores that time
// - the planned time has come, whoever was away meanwhile: makes one backup a server for the newest run since then, under
//   a name that this run always has, then stores the next time
// - died between the two: finds the backups by their names and stores the next time
// - suspended: nothing; what was missed by then is not made up for
//
// Wakes up on: a change of the schedule's spec, a backup of it that is new, gone, or in another phase, and the next time,
// which it looks at once a minute because the wall clock may jump.
import type { Clock } from '../../src/clock/clock.ts';
import type { Admission } from '../../src/resources/admission.ts';
import type { Backup } from '../../src/resources/backup.ts';
import type { EventRecorder } from '../../src/resources/event.ts';
import { type Schedule, scheduleLabel } from '../../src/resources/schedule.ts';
import { changesMoreThanStatus } from '../../src/runtime/changes.ts';
import { Controller } from '../../src/runtime/controller.ts';
import type { Change, Informer } from '../../src/runtime/informer.ts';
import type { RuntimeMetrics } from '../../src/runtime/metrics.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/log.ts';
import { scheduleIndex } from './deps.ts';
import { scheduleReconciler } from './reconcile.ts';

export interface ScheduleControllerDeps {
  store: Store;
  admission: Pick<Admission, 'create' | 'patch' | 'delete'>;
  schedules: Pick<Informer<Schedule>, 'onChange'>;
  /** With `scheduleIndexes`. */
  backups: Pick<Informer<Backup>, 'onChange' | 'byIndex'>;
  events: EventRecorder;
  nodeName: string;
  clock: Clock;
  log: Logger;
  metrics: RuntimeMetrics;
  checkpoint: (name: string) => Promise<void>;
}

/** The index that the informer of backups needs. */
export const scheduleIndexes = { [scheduleIndex]: scheduleNames };

/** The part for the manager. */
export function createScheduleController(deps: ScheduleControllerDeps): { controllers: Controller[] } {
  const { schedules, backups, clock, log, metrics } = deps;
  const reconcile = scheduleReconciler(deps);
  const controller = new Controller({ name: 'schedule', reconcile, workers: 1, clock, log, metrics });
  schedules.onChange((change) => {
    if (change.type !== 'DELETED' && changesMoreThanStatus(change)) controller.enqueue(change.object.metadata.name);
  });
  backups.onChange((change) => {
    if (!matters(change)) return;
    const { object, old } = change;
    for (const name of new Set([...scheduleNames(object), ...(old ? scheduleNames(old) : [])]))
      controller.enqueue(name);
  });
  return { controllers: [controller] };
}

function scheduleNames({ metadata }: Backup): string[] {
  const name = metadata.labels?.[scheduleLabel];
  return name === undefined ? [] : [name];
}

/** Progress does not: it is written every few seconds. */
function matters(change: Change<Backup>): boolean {
  return changesMoreThanStatus(change) || change.object.status?.phase !== change.old?.status?.phase;
}
