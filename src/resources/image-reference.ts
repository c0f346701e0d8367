// References to images by the grammar of the distribution project: what registry, which repository, which tag or digest.
// Parsed before anything is done with one, so that no text can pass for an option or lend itself a registry's name.

export interface ImageReference {
  /** `docker.io` for short names; with the port, if there is one. */
  domain: string;
  /** `library/NAME` for short names of Docker's own registry. */
  path: string;
  /** `latest` when neither tag nor digest is given. */
  tag?: string;
  digest?: string;
}

export class ImageReferenceError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ImageReferenceError';
  }
}

const domainPattern =
  /^(?:\[[0-9a-fA-F:]+\]|[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*)(?::[0-9]{1,5})?$/;
const componentPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
/** The grammar keeps these for the ids of images. */
const idPattern = /^[0-9a-f]{64}$/;

/** Registry and repository together, as the distribution grammar bounds them. */
const longestName = 255;
const longestReference = longestName + 1 + 128 + 1 + 200;

/** A leading `~` (only the copy on this node) is not part of the reference. @throws ImageReferenceError */
export function parseImageReference(text: string): ImageReference {
  if (text.length > longestReference)
    throw new ImageReferenceError('must not be longer than an image reference can be');
  const [nameAndTag, digest, ...more] = text.split('@');
  if (nameAndTag === undefined || more.length > 0)
    throw new ImageReferenceError('must have at most one digest after @');
  if (digest !== undefined && !digestPattern.test(digest))
    throw new ImageReferenceError('must have a digest such as sha256:… after @');
  const { name, tag } = splitTag(nameAndTag);
  if (tag !== undefined && !tagPattern.test(tag))
    throw new ImageReferenceError('must have a tag of letters, digits, _, . and - after :');
  if (idPattern.test(name)) throw new ImageReferenceError('must be a name, not the id of an image');
  const { domain, path } = splitDomain(name);
  if (!domainPattern.test(domain))
    throw new ImageReferenceError('must begin with the name of a registry or of a repository');
  if (!path.split('/').every((component) => componentPattern.test(component))) {
    throw new ImageReferenceError('must name a repository in lower-case letters, digits and single separators');
  }
  if (domain.length + 1 + path.length > longestName)
    throw new ImageReferenceError(`must not have a name longer than ${longestName} characters`);
  return {
    domain,
    path,
    ...(tag !== undefined ? { tag } : digest === undefined ? { tag: 'latest' } : {}),
    ...(digest !== undefined ? { digest } : {}),
  };
}

/** A colon before the last slash belongs to a port. */
function splitTag(text: string): { name: string; tag?: string } {
  const colon = text.lastIndexOf(':');
  if (colon <= text.lastIndexOf('/')) return { name: text };
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

/** The first part is a registry only when it looks like a host: a dot, a port, capitals or `localhost`. */
function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  if (slash < 0 || !(/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first)) {
    return { domain: 'docker.io', path: slash < 0 ? `library/${name}` : name };
  }
  const path = name.slice(slash + 1);
  const domain = first === 'index.docker.io' ? 'docker.io' : first;
  return { domain, path: domain === 'docker.io' && !path.includes('/') ? `library/${path}` : path };
}
