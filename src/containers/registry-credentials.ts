// Which account of docker.registries goes with an image. Domains are compared whole and paths by whole components: an
// image whose name only begins like a known registry gets nothing.
import type { DockerConfig } from '../config/config.ts';
import { type ImageReference, ImageReferenceError, parseImageReference } from '../resources/image-reference.ts';
import { withoutEnd } from '../text/without-end.ts';
import { localName } from './container-labels.ts';

export interface Credentials {
  username: string;
  password: string;
}

/** The account of the longest key that holds the image; `undefined`: none does, or `image` is not a reference. */
export function credentialsFor(image: string, registries: DockerConfig['registries']): Credentials | undefined {
  const wanted = referenceOf(image);
  if (!wanted) return undefined;
  const holding = Object.entries(registries)
    .map(([key, account]) => ({ place: placeOf(key), account }))
    .filter(({ place }) => place !== undefined && holds(place, wanted))
    .sort((a, b) => (b.place?.path.length ?? 0) - (a.place?.path.length ?? 0));
  return holding[0]?.account;
}

function referenceOf(image: string): ImageReference | undefined {
  try {
    return parseImageReference(localName(image));
  } catch (error) {
    if (error instanceof ImageReferenceError) return undefined;
    throw error;
  }
}

interface Place {
  domain: string;
  /** Empty = the whole registry. */
  path: string;
}

/** `https://ghcr.io/v2/` is `ghcr.io`; a key without a host is a part of Docker's own registry. */
function placeOf(key: string): Place | undefined {
  const bare = withoutEnd(key.replace(/^https?:\/\//i, ''), '/').replace(/\/v[12]$/, '');
  if (bare === '') return undefined;
  const [first = '', ...rest] = bare.split('/');
  const isHost = /[.:]/.test(first) || first.toLowerCase() === 'localhost';
  if (!isHost) return { domain: 'docker.io', path: bare };
  const domain = first.toLowerCase();
  return { domain: domain === 'index.docker.io' ? 'docker.io' : domain, path: rest.join('/') };
}

function holds(place: Place, { domain, path }: ImageReference): boolean {
  if (place.domain !== domain.toLowerCase()) return false;
  return place.path === '' || path === place.path || path.startsWith(`${place.path}/`);
}
