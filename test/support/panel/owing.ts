// What a live node owes to its Panel, as its objects and its metrics say.
import type { Owed } from '../../../src/runtime/outbox.ts';
import type { LiveNode } from '../live-node.ts';
import { until } from '../until.ts';

export interface Operation {
  kind: 'Backup' | 'Restore' | 'Installation';
  metadata: { name: string };
  spec: { serverRef: { name: string } };
  status?: { phase?: string; owed?: Owed[]; outcome?: { result: string; reason: string; message: string } };
}

/** Every backup, restore and installation. */
export async function operationsOf(node: LiveNode): Promise<Operation[]> {
  const lists = await Promise.all(
    ['backups', 'restores', 'installations'].map((plural) => node.api.call('GET', `/apis/aileron.dev/v1/${plural}`)),
  );
  return lists.flatMap((list) => (list as { items: Operation[] }).items);
}

/** Those whose end the Panel has not heard. */
export async function owing(node: LiveNode): Promise<Operation[]> {
  return (await operationsOf(node)).filter(({ status }) => (status?.owed?.length ?? 0) > 0);
}

/** The metric. */
export async function owedReports(node: LiveNode): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${node.daemon.opsPort}/metrics`)).text();
  return Number(/^aileron_owed_reports (\d+)$/m.exec(text)?.[1]);
}

/** A Panel that is back is noticed within 60 s, what it does not know is tried again for 30 s, and that after a pause. */
const toldWithinMs = 180_000;

/** All operations have ended, and the Panel has heard of each. */
export async function untilNothingIsOwed(node: LiveNode, ms = toldWithinMs): Promise<Operation[]> {
  let left: Operation[] = [];
  const isOver = ({ status }: Operation) =>
    ['Completed', 'Failed', 'Cancelled'].includes(status?.phase ?? '') && !status?.owed;
  try {
    return await until('every operation is over and told', ms, async () => {
      const all = await operationsOf(node);
      left = all.filter((one) => !isOver(one));
      return left.length === 0 && all;
    });
  } catch (error) {
    throw new Error(JSON.stringify(left), { cause: error });
  }
}
