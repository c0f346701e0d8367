// A backup or a restore as its watcher sees it: the object says what is so, and between two of its versions a console
// socket says how far it is. Pure.
import { type Backup, isFinishedBackup } from '../../resources/backup.ts';
import { isFinishedRestore, type Restore } from '../../resources/restore.ts';

export type Operation = Backup | Restore;

export interface OperationNumbers {
  /** 0 to 100. */
  percentage: number;
  bytesWritten: number;
  /** 0 = not known. */
  bytesTotal: number;
}

export interface OperationState extends OperationNumbers {
  phase: string;
  finished: boolean;
}

/** Numbers of a socket count as long as they are ahead of the object's: both only grow. */
export function stateOf(operation: Operation, heard?: OperationNumbers): OperationState {
  const { phase = 'Pending', progress } = operation.status ?? {};
  const written = { percentage: 0, bytesWritten: 0, bytesTotal: 0, ...progress };
  const finished = isFinished(operation);
  const isAhead = heard !== undefined && !finished && heard.bytesWritten >= written.bytesWritten;
  const numbers = isAhead ? { ...heard, percentage: Math.max(heard.percentage, written.percentage) } : written;
  return { phase, finished, ...numbers, percentage: Math.max(0, numbers.percentage) };
}

export function isFinished(operation: Operation): boolean {
  return operation.kind === 'Backup' ? isFinishedBackup(operation) : isFinishedRestore(operation);
}

/** ms from the begin of the work to its end. */
export function tookMs({ status }: Operation): number | undefined {
  if (status?.startedAt === undefined || status.completedAt === undefined) return undefined;
  return Date.parse(status.completedAt) - Date.parse(status.startedAt);
}
