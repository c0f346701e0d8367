// Objects of this store that bear the name of another node. Nobody works on them here, which is right where a store is
// shared, and a surprise where the machine was renamed: the name of the node is that of the host unless it is set.
import type { Condition, StoredObject } from '../../src/resources/object.ts';
import type { Store } from '../../src/store/store.ts';

const kinds = ['Server', 'Backup', 'Restore', 'Installation', 'Schedule'];

/** More names than a sentence holds. */
const mostNames = 3;

export const foreignCondition = 'ForeignObjects';

/** How many objects each other node has, the one with the most first. */
export async function objectsOfOthers(store: Pick<Store, 'list'>, nodeName: string): Promise<[string, number][]> {
  const counts = new Map<string, number>();
  for (const kind of kinds) {
    const { items } = await store.list<StoredObject & { spec?: { nodeName?: string } }>(kind);
    for (const { spec } of items) {
      const name = spec?.nodeName ?? nodeName;
      if (name !== nodeName) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return [...counts].sort(([, one], [, other]) => other - one);
}

/** Undefined: all are this node's. */
export function foreignObjects(
  others: readonly (readonly [name: string, count: number])[],
  nodeName: string,
): Omit<Condition, 'lastTransitionTime'> | undefined {
  const [most] = others;
  if (!most) return undefined;
  const shown = others.slice(0, mostNames).map(([name, count]) => `${count} of "${name}"`);
  const more = others.length > mostNames ? [`those of ${others.length - mostNames} more`] : [];
  const whose = [...shown, ...more].join(', ');
  const remedy = `If this node was called "${most[0]}" before, set nodeName: ${most[0]} in aileron.yml and start it again`;
  const message = `Objects of other nodes are left alone here, where the node is "${nodeName}": ${whose}. ${remedy}.`;
  return { type: foreignCondition, status: 'True', reason: 'OtherNodeName', message };
}
