// Headers that let pages of the Panel read our answers. Without a Panel only what the configuration lists is named.
import type { Origins } from './origins.ts';

const headers = {
  'access-control-allow-methods': 'GET, POST, PATCH, PUT, DELETE, OPTIONS',
  'access-control-allow-headers':
    'Accept, Accept-Encoding, Authorization, Cache-Control, Content-Type, Content-Length, Origin, X-Real-IP, X-CSRF-Token',
  'access-control-max-age': '7200',
  vary: 'Origin',
};

/** The first is what Wings says, the second what browsers read. */
const privateNetworkHeaders = {
  'access-control-request-private-network': 'true',
  'access-control-allow-private-network': 'true',
};

/** `origin` is the header of the request. Any origin is never named together with credentials. */
export function crossOriginHeaders(
  origins: Origins,
  origin: string | undefined,
  privateNetwork = false,
): Record<string, string> {
  const common = privateNetwork ? { ...headers, ...privateNetworkHeaders } : headers;
  if (origins.any && origin !== origins.panel) return { ...common, 'access-control-allow-origin': '*' };
  const named = origin !== undefined && origins.allows(origin) ? origin : origins.panel;
  if (named === undefined) return { vary: 'Origin' };
  return { ...common, 'access-control-allow-origin': named, 'access-control-allow-credentials': 'true' };
}
