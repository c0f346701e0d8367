// What the end of an operation owes to the Panel: one report for each object that the Panel owns. Pure.
import type { Owner } from '../resources/ownership.ts';
import type { Owed } from '../runtime/outbox.ts';

export const panelReports = ['BackupResult', 'RestoreResult', 'InstallResult'] as const;
export type PanelReport = (typeof panelReports)[number];

/**
 * The Panel asks inside a transaction of its own: until that is over it does not know what it is told about. So nothing
 * is told within a second of our answer to it, which was sent when the object was made. Timestamps are whole seconds.
 */
const earliestMs = 2_000;

export interface Reported {
  kind: string;
  metadata: { uid: string; creationTimestamp: string };
  spec: { owner?: Owner };
}

/** The Panel has deleted the server: it does not know it any more, and nobody is to wait for it to say so. */
const serverIsGone = ['ServerDeleted', 'ServerGone'];

/** For the status write that records the outcome. */
export function owedToPanel({ kind, metadata, spec }: Reported, now: number, outcome?: { reason: string }): Owed[] {
  if (outcome && serverIsGone.includes(outcome.reason)) return [];
  const what = `${kind === 'Installation' ? 'Install' : kind}Result` as PanelReport;
  if (spec.owner?.kind !== 'Panel' || !panelReports.includes(what)) return [];
  const entry: Owed = { id: `${what}-${metadata.uid}`, to: 'Panel', what, since: inSeconds(now), attempts: 0 };
  const earliest = Date.parse(metadata.creationTimestamp) + earliestMs;
  // A clock that was turned back delays nothing.
  const isSoon = earliest > now && earliest - now <= earliestMs;
  return [isSoon ? { ...entry, nextAttemptAt: inSeconds(earliest) } : entry];
}

function inSeconds(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
