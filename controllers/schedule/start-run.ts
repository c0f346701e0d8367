// Makes the backups of one run of a schedule: one for each of its servers, unless something stands in the way. To be done
// again after a crash: what is there is not made twice.
import type { WriteContext } from '../../src/resources/admission.ts';
import { type Backup, isFinishedBackup } from '../../src/resources/backup.ts';
import { BackupLimitError, ForbiddenError, InvalidError, OperationConflictError } from '../../src/resources/errors.ts';
import { type Schedule, scheduleLabel } from '../../src/resources/schedule.ts';
import type { Server } from '../../src/resources/server.ts';
import { AlreadyExistsError, ConflictError, NotFoundError } from '../../src/store/errors.ts';
import { backupName, digestName } from './backup-name.ts';
import type { ScheduleDeps } from './deps.ts';

/** What became of a run, for one server. */
export type Fate = {
  server: string;
  /** `later`: what stands in the way passes by itself. */
  is: 'made' | 'present' | 'leftOut' | 'later';
  /** One word, for programs. */
  reason: string;
  /** A sentence, for people. */
  message: string;
};

/** In the order of the servers' names. @throws what is no answer to a writer */
export async function startRun(
  deps: ScheduleDeps,
  schedule: Schedule,
  run: number,
  own: readonly Backup[],
  writer: WriteContext,
): Promise<Fate[]> {
  const fates: Fate[] = [];
  for (const server of await serversOf(deps, schedule)) {
    fates.push(await startBackup(deps, { schedule, run, own, writer, server }));
  }
  return fates;
}

interface OneStart {
  schedule: Schedule;
  run: number;
  /** All backups of the schedule. */
  own: readonly Backup[];
  writer: WriteContext;
  server: string;
}

async function serversOf({ store }: ScheduleDeps, { spec }: Schedule): Promise<string[]> {
  const { serverRef, serverSelector } = spec.template;
  if (serverRef) return [serverRef.name];
  const { items } = await store.list<Server>('Server', { labels: serverSelector?.matchLabels ?? {} });
  return items.filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata.name);
}

async function startBackup(deps: ScheduleDeps, start: OneStart): Promise<Fate> {
  const { schedule, run, own, writer, server } = start;
  const name = await freeName(deps, start);
  if (name === undefined) return fateOf(start, 'present', 'Started', `the backup of ${server} is there`);
  const running = own.filter((backup) => isOf(backup, server) && !isFinishedBackup(backup));
  const { concurrencyPolicy } = schedule.spec;
  if (running.length > 0 && concurrencyPolicy === 'Forbid') {
    const [first] = running;
    const message = `${first?.metadata.name}, the backup of ${server} before, has not ended`;
    return fateOf(start, 'leftOut', 'StillRunning', message);
  }
  if (concurrencyPolicy === 'Replace') for (const backup of running) await cancel(deps, backup, writer);
  const input = backupOf(schedule, server, name);
  try {
    await admitMakingRoom(deps, start, () => deps.admission.create('Backup', input, writer));
  } catch (error) {
    return refusedFate(start, error);
  }
  const message = `made the backup ${name} of the server ${server}, for the run of ${timeOf(run)}`;
  return fateOf(start, 'made', 'Started', message);
}

/** The name for the backup to make; undefined: it has been made. */
async function freeName({ store }: ScheduleDeps, { schedule, server, run }: OneStart): Promise<string | undefined> {
  for (const nameOf of [backupName, digestName]) {
    const name = nameOf(schedule.metadata.name, server, run);
    const present = await store.get<Backup>('Backup', name);
    if (!present) return name;
    if (isOf(present, server) && present.metadata.labels?.[scheduleLabel] === schedule.metadata.name) return undefined;
  }
  // Both names are somebody's: who made them by hand wanted them there.
  return undefined;
}

function backupOf({ metadata: { name: schedule }, spec: { template } }: Schedule, server: string, name: string) {
  const { ignore, format, locked } = template;
  return {
    metadata: { name, labels: { [scheduleLabel]: schedule } },
    spec: { serverRef: { name: server }, ignore, locked, ...(format ? { format } : {}) },
  };
}

async function cancel({ admission }: ScheduleDeps, { metadata }: Backup, writer: WriteContext): Promise<void> {
  try {
    await admission.patch('Backup', metadata.name, { metadata: { uid: metadata.uid }, spec: { cancel: true } }, writer);
  } catch (error) {
    // Gone, another one of that name, or its owner's to cancel: the new one queues behind it.
    if (![NotFoundError, ConflictError, ForbiddenError].some((kind) => error instanceof kind)) throw error;
  }
}

/** Where the server has as many backups as it may have, the oldest of the schedule makes room for the new one. */
async function admitMakingRoom(deps: ScheduleDeps, start: OneStart, create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    const one = error instanceof BackupLimitError && error.count === error.limit ? oldest(start) : undefined;
    if (!one) throw error;
    const { name, uid } = one.metadata;
    await deps.admission.delete('Backup', name, { preconditions: { uid } }, start.writer);
    const { apiVersion, kind, metadata } = start.schedule;
    const message = `deleted the backup ${name} of the server ${start.server} to make room, as it may have ${(error as BackupLimitError).limit}`;
    deps.events.event({ apiVersion, kind, name: metadata.name, uid: metadata.uid }, 'Normal', 'MadeRoom', message);
    await deps.checkpoint('schedule:room-made');
    await create();
  }
}

function oldest({ own, server }: OneStart): Backup | undefined {
  return own
    .filter((backup) => isOf(backup, server) && backup.status?.phase === 'Completed')
    .filter(({ metadata, spec }) => !spec.locked && !metadata.deletionTimestamp)
    .toSorted((a, b) => (createdAt(a) < createdAt(b) ? -1 : 1))[0];
}

function createdAt({ metadata: { creationTimestamp, name } }: Backup): string {
  return `${creationTimestamp} ${name}`;
}

function isOf({ spec }: Backup, server: string): boolean {
  return spec.serverRef.name === server;
}

/** @throws what is no refusal */
function refusedFate(start: OneStart, error: unknown): Fate {
  if (error instanceof AlreadyExistsError) return fateOf(start, 'present', 'Started', error.message);
  // Somebody else's write came between a look and a write, or a restore is under way.
  if (error instanceof OperationConflictError) return fateOf(start, 'later', 'ServerBusy', about(start, error));
  if (error instanceof ConflictError) return fateOf(start, 'later', 'Raced', about(start, error));
  if (error instanceof NotFoundError) return fateOf(start, 'later', 'Raced', about(start, error));
  if (error instanceof BackupLimitError) return fateOf(start, 'leftOut', 'LimitReached', error.message);
  if (error instanceof InvalidError) {
    const missing = error.causes.some(({ field }) => field === 'spec.serverRef.name');
    if (missing) return fateOf(start, 'leftOut', 'ServerMissing', `there is no server ${start.server}`);
    return fateOf(start, 'leftOut', 'Refused', error.message);
  }
  if (error instanceof ForbiddenError) return fateOf(start, 'leftOut', 'Refused', error.message);
  throw error;
}

function about({ server }: OneStart, error: Error): string {
  return `${server}: ${error.message}`;
}

function fateOf({ server }: OneStart, is: Fate['is'], reason: string, message: string): Fate {
  return { server, is, reason, message };
}

/** `2026-01-02 04:00 UTC`. */
export function timeOf(run: number): string {
  return `${new Date(run).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
