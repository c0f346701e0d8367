// Manifests as a source of desired state, when a directory is configured.
import { createManifestSource, type ManifestSource } from '../manifests/manifest-source.ts';
import type { Informer } from '../runtime/informer.ts';
import type { Caches } from './caches.ts';
import type { Foundation } from './foundation.ts';

export function openManifests(
  parts: AsyncDisposableStack,
  { config, store, admission, events, clock, log, registry }: Foundation,
  { servers, backups, schedules }: Caches,
): ManifestSource | undefined {
  const { manifests: directory, nodeName } = config.aileron;
  if (!directory) return undefined;
  const caches = [servers as Informer, backups as Informer, schedules as Informer];
  return parts.use(
    createManifestSource({ directory, nodeName, store, admission, caches, events, clock, log, registry }),
  );
}
