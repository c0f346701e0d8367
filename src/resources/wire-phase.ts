// The phases of backups and restores as those who watch a server see them: the one table between the words of status and
// the words of the wire (websocket contract 16.3).
import type { BackupPhase } from './backup.ts';
import type { RestorePhase } from './restore.ts';

export type WirePhase = 'queued' | 'archive' | 'upload' | 'stopping' | 'download' | 'extract' | 'finalize';

/** What has ended was last seen being finalized. */
export const wirePhases: Readonly<Record<BackupPhase | RestorePhase, WirePhase>> = {
  Pending: 'queued',
  Archiving: 'archive',
  Uploading: 'upload',
  Downloading: 'download',
  Extracting: 'extract',
  Verifying: 'extract',
  Stopping: 'stopping',
  Committing: 'finalize',
  Finalizing: 'finalize',
  Completed: 'finalize',
  Failed: 'finalize',
  Cancelled: 'finalize',
};
