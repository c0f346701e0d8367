// What the status of long work says as it goes on: the phases with their times, and the two conditions a Kubernetes Job
// has, so that `kubectl wait --for=condition=Complete` and `describe` work as people know them.
import { setCondition } from '../resources/conditions.ts';
import type { Condition } from '../resources/object.ts';

export interface OperationStatus {
  phases?: { phase: string; startedAt: string; finishedAt?: string }[];
  conditions?: Condition[];
}

export interface OperationOutcome {
  result: 'Completed' | 'Failed' | 'Cancelled';
  /** One word in CamelCase, for programs. */
  reason: string;
  /** A sentence, for people. */
  message: string;
}

/** As many as the schema holds; of more the oldest but the first go. */
const mostPhases = 64;

/** Closes the last entry of `phases` and opens one for `phase`. The phase that is open already changes nothing. */
export function enterPhase(status: OperationStatus, phase: string, now: string): void {
  const phases = status.phases ?? [];
  const last = phases.at(-1);
  if (last?.phase === phase && !last.finishedAt) return;
  closeLast(phases, now);
  phases.push({ phase, startedAt: now });
  if (phases.length > mostPhases) phases.splice(1, phases.length - mostPhases);
  status.phases = phases;
}

/** Closes the last entry of `phases` and sets `Complete` or `Failed`. */
export function endPhases(
  status: OperationStatus,
  { result, reason, message }: OperationOutcome,
  generation: number,
  now: string,
): void {
  closeLast(status.phases ?? [], now);
  status.conditions ??= [];
  const type = result === 'Completed' ? 'Complete' : 'Failed';
  setCondition(status.conditions, { type, status: 'True', reason, message, observedGeneration: generation }, now);
}

/** With a capital and a full stop, as people read it. */
export function asSentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

function closeLast(phases: NonNullable<OperationStatus['phases']>, now: string): void {
  const last = phases.at(-1);
  if (last) last.finishedAt ??= now;
}
