// Whether the Panel of a server still lists it for this node. A server that it does not list is kept with everything it
// has; what nobody asked for (a start after an outage, a crash) is not done for it.
import { findCondition } from './conditions.ts';
import type { Server } from './server.ts';

/** Absent while the Panel lists the server, and of servers without a Panel. */
export const unlistedCondition = {
  type: 'Listed',
  status: 'False',
  reason: 'NotOnPanel',
  message: 'The Panel does not list this server for this node any more. Nothing of it is deleted.',
} as const;

export function isUnlisted({ status }: Pick<Server, 'status'>): boolean {
  return findCondition(status?.conditions, unlistedCondition.type)?.status === 'False';
}
