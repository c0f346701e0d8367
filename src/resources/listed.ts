// Whether the Panel of an object still knows it. What it does not know is kept with everything it has, and what nobody asked
// for (a start after an outage, a crash) is not done for it. As the Panel can delete it no more, others may.
import { findCondition } from './conditions.ts';
import type { ObjectMeta } from './object.ts';
import type { Server } from './server.ts';

/** Absent while the Panel lists the server, and of servers without a Panel. */
export const unlistedCondition = {
  type: 'Listed',
  status: 'False',
  reason: 'NotOnPanel',
  message: 'The Panel does not list this server for this node any more. Nothing of it is deleted.',
} as const;

/** On a Backup whose result the Panel would not take, because it does not know it; `kubectl get backups -l` finds them. */
export const orphanLabel = 'aileron.dev/unknown-to-panel';

export function isOrphan({ metadata }: { metadata: ObjectMeta }): boolean {
  return metadata.labels?.[orphanLabel] === 'true';
}

export function isUnlisted({ status }: Pick<Server, 'status'>): boolean {
  return findCondition(status?.conditions, unlistedCondition.type)?.status === 'False';
}
