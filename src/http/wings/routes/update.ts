// POST /api/update: the Panel tells the node its configuration. What of it counts is decided in src/config.
import type { FastifyInstance } from 'fastify';
import { readJson } from '../json-body.ts';
import type { RouteDeps } from '../route-deps.ts';

export function updateRoute(
  app: FastifyInstance,
  { config, clock, applyPanelUpdate }: Pick<RouteDeps, 'config' | 'clock' | 'applyPanelUpdate'>,
): void {
  app.post('/api/update', async (request) => {
    if (config.ignorePanelConfigUpdates) return { applied: false };
    return applyPanelUpdate((await readJson(request.raw, clock)) ?? {});
  });
}
