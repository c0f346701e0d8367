// Backups and restores as tables for people. Pure.
import type { Backup } from '../../resources/backup.ts';
import type { Restore } from '../../resources/restore.ts';
import { safeLine } from '../safe-text.ts';
import { textTable } from '../text-table.ts';
import { bytesText, durationText } from '../units.ts';
import type { Operation } from './state.ts';

/** All of one kind, at least one. `now` in ms, for ages. */
export function listLines(operations: readonly Operation[], now: number): string[] {
  const backups = operations.filter((one) => one.kind === 'Backup');
  if (backups.length > 0) return textTable(backupRows(backups, now), { right: [3, 4, 5] });
  const restores = operations.filter((one) => one.kind === 'Restore');
  return textTable(restoreRows(restores, now), { right: [5] });
}

function backupRows(backups: readonly Backup[], now: number): string[][] {
  const rows = backups.map(({ metadata, spec, status }) => [
    metadata.name,
    spec.serverRef.name,
    status?.phase ?? 'Pending',
    percentOf(status),
    status?.archive ? bytesText(status.archive.size) : '-',
    status?.archive?.entries === undefined ? '-' : String(status.archive.entries),
    ageOf(metadata.creationTimestamp, now),
    spec.locked ? 'yes' : 'no',
  ]);
  return [['NAME', 'SERVER', 'PHASE', 'DONE', 'SIZE', 'FILES', 'AGE', 'LOCKED'], ...rows];
}

function restoreRows(restores: readonly Restore[], now: number): string[][] {
  const rows = restores.map(({ metadata, spec, status }) => [
    metadata.name,
    spec.serverRef.name,
    spec.backupRef.name,
    spec.mode,
    status?.phase ?? 'Pending',
    percentOf(status),
    ageOf(metadata.creationTimestamp, now),
    status?.outcome && status.outcome.result !== 'Completed' ? safeLine(status.outcome.message) : '',
  ]);
  return [['NAME', 'SERVER', 'BACKUP', 'MODE', 'PHASE', 'DONE', 'AGE', 'MESSAGE'], ...rows];
}

function percentOf(status: Operation['status']): string {
  const percentage = status?.progress?.percentage ?? 0;
  return percentage < 0 ? '-' : `${percentage}%`;
}

function ageOf(time: string, now: number): string {
  return durationText(now - Date.parse(time));
}
