// A URL as logs may have it: what opens a signed link is taken out, however its name is spelled.

export function redactedUrl(url: string): string {
  const [path = '', query] = url.split(/\?(.*)/s, 2);
  if (query === undefined) return path;
  const pairs = query.split('&').map((pair) => {
    const [name = ''] = pair.split('=', 1);
    return isToken(name) ? `${name}=***` : pair;
  });
  return `${path}?${pairs.join('&')}`;
}

function isToken(name: string): boolean {
  try {
    return decodeURIComponent(name).toLowerCase() === 'token';
  } catch {
    // Not readable for anybody, so it opens nothing; what follows may still be a secret.
    return true;
  }
}
