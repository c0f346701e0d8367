// What consoles are told of a backup or a restore, in the names of the wire: the events that Wings has always sent, and
// beside them the additions of its fork, which unmodified front ends ignore. Each message is serialised once for every
// kind of reader.
import type { OperationCompletion, OperationProgress } from '../bus/bus.ts';
import type { ProcessState } from '../resources/server.ts';
import type { Encode, Frame } from './frame.ts';
import { printable } from './printable.ts';

/** What is sent beyond the protocol of Wings. */
export interface ForkOptions {
  /** `backup_progress`, `restore_progress`, `backup_restore_completed`, `server_status`. */
  forkEvents: boolean;
  /** With them, progress once more as `backup progress`. */
  forkWireNames: boolean;
  /** `status` tells of a backup or a restore as if it were a state of the process. */
  forkStatus: boolean;
}

/** What a server is, seen from outside: its process, or what it is busy with. */
export type ShownState = ProcessState | 'backup' | 'restore';

const backupPermission = 'backup.read';
const errorsPermission = 'admin.websocket.errors';

export class OperationFrames {
  readonly #encode: Encode;
  readonly #fork: ForkOptions;

  constructor(encode: Encode, fork: ForkOptions) {
    this.#encode = encode;
    this.#fork = fork;
  }

  /** Only the newest of one operation counts; the last one is never followed by another. */
  progress(progress: OperationProgress): Frame[] {
    const { forkEvents, forkWireNames } = this.#fork;
    if (!forkEvents) return [];
    const json = JSON.stringify({
      backup_id: progress.backupId,
      type: progress.type,
      percentage: progress.percentage,
      bytes_written: progress.bytesWritten,
      bytes_total: progress.bytesTotal,
      phase: progress.phase,
    });
    const events = [progress.type === 'create' ? 'backup_progress' : 'restore_progress'];
    if (forkWireNames) events.push('backup progress');
    return events.map((event) => ({
      ...this.#frame(event, [json]),
      delivery: 'latest',
      series: `${event} ${progress.operation}`,
      permission: backupPermission,
    }));
  }

  /** The file that a restore writes. Names of files are for those who may know of backups. */
  restoring(path: string): Frame {
    return {
      ...this.#frame('daemon message', [`(restoring): ${printable(path)}`]),
      delivery: 'latest',
      series: 'restoring',
      permission: backupPermission,
    };
  }

  /** Everything that tells of the end but `server_status`, in its order. */
  completion(completion: OperationCompletion): Frame[] {
    const standard = completion.type === 'create' ? this.#backupEnd(completion) : this.#restoreEnd(completion);
    return this.#fork.forkEvents ? [...standard, this.#eitherEnd(completion)] : standard;
  }

  /** Both dimensions: what the server shows, what its process does, and the operation at work. */
  serverStatus(process: ProcessState, shown: OperationProgress | undefined): Frame[] {
    if (!this.#fork.forkEvents) return [];
    const state = shownState(process, shown);
    const status = (operation: object | null): Frame =>
      this.#frame('server_status', [state, JSON.stringify({ state, process_state: process, operation })]);
    if (!shown) return [status(null)];
    const { type, backupId, phase } = shown;
    const fuller = { ...status({ type, backup_id: backupId, phase }), permission: backupPermission };
    return [{ ...status({ type, backup_id: null, phase }), fuller }];
  }

  /** The event with the id is the one that a Panel listens to; the other is what Wings really sends. */
  #backupEnd({ backupId, successful, checksum, size }: OperationCompletion): Frame[] {
    const json = JSON.stringify({
      uuid: backupId,
      is_successful: successful,
      checksum: successful ? checksum : '',
      checksum_type: 'sha1',
      file_size: successful ? size : 0,
    });
    return [`backup completed:${backupId}`, 'backup completed'].map((event) => ({
      ...this.#frame(event, [json]),
      permission: backupPermission,
    }));
  }

  /** For everybody: a Panel's page stays locked until it has seen the second one. */
  #restoreEnd({ successful, adapter }: OperationCompletion): Frame[] {
    const place = adapter === 's3' ? 'S3' : 'local';
    const text = successful
      ? `Completed server restoration from ${place} backup.`
      : `Failed to restore the server from ${place} backup.`;
    return [this.#frame('daemon message', [text]), this.#frame('backup restore completed', [''])];
  }

  #eitherEnd({ backupId, type, successful, error }: OperationCompletion): Frame {
    const end = (reason: string | null): Frame => ({
      ...this.#frame('backup_restore_completed', [
        JSON.stringify({ backup_id: backupId, type, successful, error: reason }),
      ]),
      permission: backupPermission,
    });
    if (successful || error === null) return end(null);
    return { ...end(null), fuller: { ...end(printable(error)), permission: errorsPermission } };
  }

  #frame(event: string, args: readonly string[]): Frame {
    return { bytes: this.#encode(event, args), delivery: 'keep', name: event };
  }
}

export function shownState(process: ProcessState, shown: OperationProgress | undefined): ShownState {
  if (!shown) return process;
  return shown.type === 'restore' ? 'restore' : 'backup';
}
