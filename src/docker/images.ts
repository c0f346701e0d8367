// Images: is one here, and fetch it. A pull always names one tag or digest, since Docker takes "no tag" for "all tags".
import type { Connection } from './connection.ts';
import { DockerError, type PullOptions, type PullProgress } from './engine.ts';
import { object, text } from './json.ts';
import { jsonLines } from './json-lines.ts';
import { pathSegment } from './path-segment.ts';

const maxProgressBytes = 256 * 1024;
const defaultTag = 'latest';

export async function inspectImage(connection: Connection, reference: string): Promise<{ id: string } | undefined> {
  const path = `/images/${reference.split('/').map(pathSegment).join('/')}/json`;
  const found = await connection.find({ method: 'GET', path });
  return found === undefined ? undefined : { id: text(object(found).Id) };
}

/** No limit of its own. Aborting closes the connection, which ends the pull. @throws DockerError, DockerUnreachableError */
export async function pullImage(
  connection: Connection,
  reference: string,
  { auth, platform, onProgress, signal }: PullOptions,
): Promise<void> {
  const stream = await connection.open({
    method: 'POST',
    path: '/images/create',
    query: { ...pullQuery(reference), platform },
    headers: auth ? { 'X-Registry-Auth': encoded(auth) } : {},
    signal,
    unlimited: true,
  });
  for await (const item of jsonLines(stream, maxProgressBytes)) {
    const line = object(item);
    const failure = text(line.error) || text(object(line.errorDetail).message);
    if (failure) throw new DockerError(500, failure);
    onProgress?.(progressOf(line));
  }
}

/** Exported for its test. A digest wins over a tag beside it. */
export function pullQuery(reference: string): { fromImage: string; tag: string } {
  const [tagged = '', digest] = reference.split('@', 2);
  const colon = tagged.indexOf(':', tagged.lastIndexOf('/') + 1);
  const fromImage = colon < 0 ? tagged : tagged.slice(0, colon);
  return { fromImage, tag: digest ?? (colon < 0 ? defaultTag : tagged.slice(colon + 1)) };
}

/** Of the URL's alphabet and padded: Docker passes over a header without its padding, as if there were no account. */
function encoded(auth: { username: string; password: string }): string {
  return Buffer.from(JSON.stringify(auth)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

function progressOf(line: Record<string, unknown>): PullProgress {
  const detail = object(line.progressDetail);
  return {
    ...(line.id ? { layer: text(line.id) } : {}),
    status: text(line.status),
    progress: text(line.progress),
    ...(typeof detail.current === 'number' ? { current: detail.current } : {}),
    ...(typeof detail.total === 'number' ? { total: detail.total } : {}),
  };
}
