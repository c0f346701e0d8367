// What the daemon knows of the store, kept up to date: one cache a kind, shared by everyone who reads.
import { backupIndexes } from '../../controllers/backup/wiring.ts';
import { installationIndexes } from '../../controllers/installation/wiring.ts';
import { restoreIndexes } from '../../controllers/restore/wiring.ts';
import { scheduleIndexes } from '../../controllers/schedule/schedule-controller.ts';
import type { Backup } from '../resources/backup.ts';
import type { Installation } from '../resources/installation.ts';
import type { Restore } from '../resources/restore.ts';
import type { Schedule } from '../resources/schedule.ts';
import type { Server } from '../resources/server.ts';
import { Informer } from '../runtime/informer.ts';
import type { Foundation } from './foundation.ts';

export type Caches = ReturnType<typeof createCaches>;

export function createCaches({ store, clock, log, metrics }: Foundation) {
  const source = { store, clock, log, metrics };
  return {
    servers: new Informer<Server>({ ...source, kind: 'Server', indexes: { uuid: uuidIndex } }),
    backups: new Informer<Backup>({ ...source, kind: 'Backup', indexes: { ...backupIndexes, ...scheduleIndexes } }),
    restores: new Informer<Restore>({ ...source, kind: 'Restore', indexes: restoreIndexes }),
    installations: new Informer<Installation>({ ...source, kind: 'Installation', indexes: installationIndexes }),
    schedules: new Informer<Schedule>({ ...source, kind: 'Schedule' }),
  };
}

function uuidIndex({ spec }: Server): string[] {
  return spec.uuid ? [spec.uuid] : [];
}
