// What is said of a backup or a restore at its end: a sentence, what is worth a note, and a record for programs. Pure.
import { safeLine } from '../safe-text.ts';
import { bytesText, durationText } from '../units.ts';
import { type Operation, tookMs } from './state.ts';

export interface Ending {
  completed: boolean;
  /** Behind the name. */
  sentence: string;
  notes: string[];
}

export function endingOf(operation: Operation): Ending {
  const { phase, outcome } = operation.status ?? {};
  if (phase !== 'Completed') {
    const how = phase === 'Cancelled' ? 'was cancelled' : 'failed';
    const why = outcome?.message ? safeLine(outcome.message) : 'aileron describe says more.';
    return { completed: false, sentence: `${how}: ${why}`, notes: [] };
  }
  const took = tookMs(operation);
  // The times of an object are whole seconds.
  const time = took === undefined ? '' : ` in ${took < 1_000 ? 'under 1s' : durationText(took)}`;
  return { completed: true, sentence: `completed${time}${factsOf(operation)}`, notes: notesOf(operation) };
}

/** One object, as the last line of `--json`. */
export function endingRecord(operation: Operation): object {
  const { kind, metadata, status } = operation;
  const { phase, outcome, progress, startedAt, completedAt } = status ?? {};
  const own =
    operation.kind === 'Backup' ? { archive: operation.status?.archive } : { result: operation.status?.result };
  const { percentage = 0, bytesWritten = 0, bytesTotal = 0 } = progress ?? {};
  return {
    ...{ kind, name: metadata.name, phase, percentage, bytesWritten, bytesTotal },
    ...{ startedAt, completedAt, outcome, ...own },
  };
}

function factsOf(operation: Operation): string {
  if (operation.kind === 'Backup') {
    const { size, entries, contentBytes } = operation.status?.archive ?? {};
    const content = entries === undefined ? '' : `${files(entries)}, ${bytesText(contentBytes ?? 0)} in `;
    return size === undefined ? '' : `: ${content}an archive of ${bytesText(size)}`;
  }
  const { result } = operation.status ?? {};
  return result ? `: ${files(result.files ?? 0)}, ${bytesText(result.bytes ?? 0)}` : '';
}

function notesOf(operation: Operation): string[] {
  if (operation.kind === 'Restore') {
    const { warnings = [], skipped = 0 } = operation.status?.result ?? {};
    return [
      ...warnings.map((warning) => safeLine(warning)),
      ...(skipped > 0 ? [`Left out, because it is no file, directory or link: ${skipped}.`] : []),
    ];
  }
  const { changed = 0, skipped = 0 } = operation.status?.archive ?? {};
  return [
    ...(changed > 0 ? [`Shrank while it was read, and was filled with zeros: ${files(changed)}.`] : []),
    ...(skipped > 0 ? [`Left out, because it vanished or is no file, directory or link: ${skipped}.`] : []),
  ];
}

function files(count: number): string {
  return count === 1 ? '1 file' : `${count} files`;
}
