// Progress four times a second, as consoles get it. It only makes a bar move smoothly: what it says is between two
// versions of the object, and whoever cannot have it loses nothing but that.
import type { Config } from '../../config/config.ts';
import { ConsoleConnection } from '../console/connection.ts';
import { consoleTarget } from '../wings-door.ts';
import type { Operation, OperationNumbers } from './state.ts';

const eventOf = { Backup: 'backup_progress', Restore: 'restore_progress' } as const;

/** The returned function ends it. */
export function listenForProgress(
  config: Config,
  operation: Operation,
  onNumbers: (numbers: OperationNumbers) => void,
): () => void {
  const { name, uuid } = operation.spec.serverRef;
  const backupId = operation.kind === 'Backup' ? operation.spec.uuid : operation.spec.backupRef.uuid;
  if (uuid === undefined || backupId === undefined) return () => {};
  const connection = new ConsoleConnection(consoleTarget(config, name, uuid), {
    line() {},
    state() {},
    notice() {},
    other(event, text) {
      if (event !== eventOf[operation.kind]) return;
      const numbers = numbersOf(text, backupId);
      if (numbers) onNumbers(numbers);
    },
  });
  // A suspended server has no console, a node may refuse tokens: the object is watched all the same.
  connection.run().catch(() => {});
  return () => connection.close();
}

/** Of another backup, or the last one of an operation (which the object tells better): nothing. */
export function numbersOf(text: string, backupId: string): OperationNumbers | undefined {
  let payload: Record<string, unknown>;
  try {
    payload = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined; // no progress of ours
  }
  const { backup_id: id, percentage, bytes_written: bytesWritten, bytes_total: bytesTotal } = payload ?? {};
  const isMeant = id === backupId && isCount(percentage) && isCount(bytesWritten) && isCount(bytesTotal);
  return isMeant ? { percentage, bytesWritten, bytesTotal } : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
