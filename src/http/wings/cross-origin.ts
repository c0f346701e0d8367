// Headers that let pages of the Panel read our answers. Without a Panel only what the configuration lists is named.
import type { Origins } from './origins.ts';

const headers = {
  'access-control-allow-methods': 'GET, POST, PATCH, PUT, DELETE, OPTIONS',
  'access-control-allow-headers':
    'Accept, Accept-Encoding, Authorization, Cache-Control, Content-Type, Content-Length, Origin, X-Real-IP, X-CSRF-Token',
  'access-control-max-age': '7200',
  vary: 'Origin',
};

/** `origin` is the header of the request. Any origin is never named together with credentials. */
export function crossOriginHeaders(origins: Origins, origin: string | undefined): Record<string, string> {
  if (origins.any && origin !== origins.panel) return { ...headers, 'access-control-allow-origin': '*' };
  const named = origin !== undefined && origins.allows(origin) ? origin : origins.panel;
  if (named === undefined) return { vary: 'Origin' };
  return { ...headers, 'access-control-allow-origin': named, 'access-control-allow-credentials': 'true' };
}
