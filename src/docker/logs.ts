// The output of a container from its log: the last of it, bounded whatever the log holds, or all of it as it comes.
import type { Connection } from './connection.ts';
import { pathOf } from './containers.ts';
import { withoutFrames } from './frames.ts';

const maxLogBytes = 1024 * 1024;

/** Oldest first; when the log has more than 1 MiB, its end. @throws DockerError, DockerUnreachableError */
export function readLogs(
  connection: Connection,
  id: string,
  { tty, tail, since }: { tty: boolean; tail?: number; since?: number },
): Promise<Buffer> {
  const query = {
    stdout: true,
    stderr: true,
    tail: tail ?? 'all',
    since: since === undefined ? since : seconds(since),
  };
  return connection.read({ method: 'GET', path: `${pathOf(id)}/logs`, query }, async (body) => {
    const kept: Buffer[] = [];
    let length = 0;
    for await (const piece of tty ? body : withoutFrames(body)) {
      kept.push(piece);
      length += piece.length;
      while (length - (kept[0]?.length ?? 0) >= maxLogBytes) length -= kept.shift()?.length ?? 0;
    }
    return Buffer.concat(kept).subarray(-maxLogBytes);
  });
}

/** No deadline: as long as the container runs. @throws DockerError, DockerUnreachableError */
export async function followLogs(
  connection: Connection,
  id: string,
  { tty, since, signal }: { tty: boolean; since?: number; signal: AbortSignal },
): Promise<AsyncIterable<Buffer>> {
  const query = {
    ...{ follow: true, stdout: true, stderr: true },
    ...(since === undefined ? {} : { since: seconds(since) }),
  };
  const body = await connection.open({ method: 'GET', path: `${pathOf(id)}/logs`, query, signal });
  return tty ? body : withoutFrames(body);
}

/** Docker takes fractions with a point, never an exponent. */
export function seconds(sinceEpoch: number): string {
  return Math.max(0, sinceEpoch).toFixed(6);
}
