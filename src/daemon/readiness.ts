// What `/readyz` asks: can this node do its work? A wrong manifest and a Panel that is away are told there, but keep no
// node from it.
import type { HealthCheck } from '../http/ops/health.ts';
import type { ManifestSource } from '../manifests/manifest-source.ts';
import type { Panel } from '../panel/wiring.ts';
import type { Manager } from '../runtime/manager.ts';
import type { Foundation } from './foundation.ts';

interface Asked {
  manager: Manager;
  manifests: ManifestSource | undefined;
  panel: Panel | undefined;
}

export function readinessChecks({ store, feed }: Foundation, { manager, manifests, panel }: Asked): HealthCheck[] {
  return [
    { name: 'store', check: () => store.list('Node').then(() => undefined) },
    { name: 'controllers', check: async () => (manager.ready ? undefined : 'the controllers have not started yet') },
    { name: 'docker', check: async () => (feed.reachable ? undefined : (feed.failure?.message ?? 'not asked yet')) },
    ...(manifests ? [{ name: 'manifests', check: async () => undefined, note: () => manifests.summary() }] : []),
    ...(panel ? [{ name: 'panel', check: async () => undefined, note: () => panel.note() }] : []),
  ];
}
