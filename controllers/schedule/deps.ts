// What the schedule controller works with.
import type { Clock } from '../../src/clock/clock.ts';
import type { Admission, WriteContext } from '../../src/resources/admission.ts';
import type { Backup } from '../../src/resources/backup.ts';
import type { EventRecorder } from '../../src/resources/event.ts';
import type { Schedule } from '../../src/resources/schedule.ts';
import type { Informer } from '../../src/runtime/informer.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/log.ts';

export interface ScheduleDeps {
  store: Store;
  admission: Pick<Admission, 'create' | 'patch' | 'delete'>;
  /** With the index `schedule`. */
  backups: Pick<Informer<Backup>, 'byIndex'>;
  events: EventRecorder;
  clock: Clock;
  nodeName: string;
  /** Awaited between any two acts that a crash may part. */
  checkpoint: (name: string) => Promise<void>;
}

/** By this index the backups of a schedule are found. */
export const scheduleIndex = 'schedule';

/** A schedule writes as a user of its own, so that what it may is what a user may. */
export function writerOf({ metadata: { name } }: Schedule, log: Logger): WriteContext {
  return {
    by: `schedule/${name}`,
    owner: { kind: 'User', ref: `schedule/${name}` },
    dryRun: false,
    fieldValidation: 'Strict',
    warn: (warning) => log.warn({ warning }, 'a scheduled backup was made with a warning'),
  };
}
