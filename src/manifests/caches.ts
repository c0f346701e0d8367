// What the store holds of the kinds that come and go with their manifests.
import type { Informer } from '../runtime/informer.ts';

/** An informer of one kind. Kinds without one are looked up in the store, and stay when their manifest goes. */
export type ObjectCache = Pick<Informer, 'kind' | 'get' | 'list' | 'onChange' | 'synced'>;

export function cacheOf<C extends Pick<ObjectCache, 'kind'>>(caches: readonly C[], kind: string): C | undefined {
  return caches.find((cache) => cache.kind === kind);
}
