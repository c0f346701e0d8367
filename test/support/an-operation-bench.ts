// Backups and restores over admission, brought to whatever state a test wants to look from.
import { type Backup, isFinishedBackup } from '../../src/resources/backup.ts';
import type { Restore } from '../../src/resources/restore.ts';
import type { Schedule } from '../../src/resources/schedule.ts';
import { AdmissionBench, writeContext } from './an-admission.ts';

type Fields = Record<string, unknown>;

export class OperationBench extends AdmissionBench {
  backup(name: string, spec: Fields = {}, context = writeContext()): Promise<Backup> {
    const input = { metadata: { name }, spec: { serverRef: { name: 'lobby' }, ...spec } };
    return this.admission.create('Backup', input, context) as Promise<Backup>;
  }

  restore(name: string, spec: Fields = {}, context = writeContext()): Promise<Restore> {
    const input = {
      metadata: { name },
      spec: { serverRef: { name: 'lobby' }, backupRef: { name: 'monday' }, ...spec },
    };
    return this.admission.create('Restore', input, context) as Promise<Restore>;
  }

  schedule(name: string, spec: Fields = {}, context = writeContext()): Promise<Schedule> {
    const input = {
      metadata: { name },
      spec: { cron: '0 4 * * *', template: { serverRef: { name: 'lobby' } }, ...spec },
    };
    return this.admission.create('Schedule', input, context) as Promise<Schedule>;
  }

  change(kind: string, name: string, spec: Fields, context = writeContext()): Promise<unknown> {
    return this.admission.patch(kind, name, { spec }, context);
  }

  remove(kind: string, name: string, context = writeContext()): Promise<unknown> {
    return this.admission.delete(kind, name, {}, context);
  }

  /** As the controller of the kind would. */
  async status(kind: string, name: string, status: Fields): Promise<void> {
    const object = await this.store.get(kind, name);
    if (!object) throw new Error(`there is no ${kind} ${name}`);
    await this.store.updateStatus({ ...object, status: { ...(object.status as Fields | undefined), ...status } });
  }

  async completed(name: string, spec: Fields = {}): Promise<Backup> {
    const backup = await this.backup(name, spec);
    await this.status('Backup', name, { phase: 'Completed' });
    return backup;
  }

  async gone(kind: string, name: string): Promise<void> {
    await this.store.patch(kind, name, { metadata: { finalizers: null } });
  }

  async runningBackups(): Promise<string[]> {
    const { items } = await this.store.list<Backup>('Backup');
    return items.filter((backup) => !isFinishedBackup(backup)).map(({ metadata }) => metadata.name);
  }
}

/** A server `lobby`, and of it a completed backup `monday`. */
export async function withBackup(server: Fields = {}): Promise<OperationBench> {
  const bench = new OperationBench();
  await bench.create('lobby', server);
  await bench.completed('monday');
  return bench;
}
