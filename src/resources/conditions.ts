// The list of conditions in a status, kept as the Kubernetes API conventions ask: one per type, and a time that moves
// only when the answer does.
import type { Condition } from './object.ts';

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/**
 * Sets one condition in place. `lastTransitionTime` moves only when `status` differs, as the Kubernetes API
 * conventions ask, so a repeated call with equal input changes nothing.
 */
export function setCondition(conditions: Condition[], next: Omit<Condition, 'lastTransitionTime'>, now: string): void {
  const present = findCondition(conditions, next.type);
  if (!present) {
    conditions.push({ ...next, lastTransitionTime: now });
    return;
  }
  const lastTransitionTime = present.status === next.status ? present.lastTransitionTime : now;
  Object.assign(present, next, { lastTransitionTime });
}

export function removeCondition(conditions: Condition[], type: string): void {
  const at = conditions.findIndex((condition) => condition.type === type);
  if (at >= 0) conditions.splice(at, 1);
}
