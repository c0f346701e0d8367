// GET of `backups/NAME/contents?path=…`: one path of an archive. A file as it is, a directory as a tar; reading ends when
// the client goes, and few are read at one time, because each is a process that unpacks.
import { PassThrough } from 'node:stream';
import type { PathFacts } from '../../../archive/plan.ts';
import { ArchiveError } from '../../../archive/runner.ts';
import type { KindDefinition } from '../../../resources/kinds.ts';
import { sendBytes } from '../../send-bytes.ts';
import type { Handler } from '../context.ts';
import { queryText } from '../query.ts';
import { missing, StatusError, unavailable, unprocessable } from '../status.ts';
import type { StreamLimit } from '../stream-limit.ts';
import { type ArchiveAccess, archiveMissing, completedBackup } from './access.ts';
import { archivePath } from './archive-path.ts';

/** What the path is: `file` or `directory`. */
export const contentHeader = 'aileron-content';

export function backupContents({ objects, runner }: ArchiveAccess, places: StreamLimit): Handler {
  return async (deps, kind, request, reply) => {
    const path = archivePath(queryText(request, 'path'));
    const { name, key } = await completedBackup(deps, kind, request);
    const archive = await objects.pathOf(key);
    if (archive === undefined) throw new StatusError(archiveMissing(kind, name));

    const { abort, leave } = places.enter();
    const onClose = () => abort.abort();
    const response = reply.raw;
    response.on('close', onClose);
    // Nothing is sent until the path is found, which may be at the end of a long archive.
    response.socket?.setTimeout(0);
    const output = new PassThrough();
    // Whoever reads it hears of the error by themselves; until then it comes with the promise below.
    output.on('error', () => {});
    const found = Promise.withResolvers<PathFacts>();
    const plan = { kind: 'read-path', archive, path } as const;
    const reading = runner
      .readPath(plan, output, { signal: abort.signal, onFound: found.resolve })
      .catch((error: Error) => {
        found.reject(error);
        output.destroy(error);
      });
    try {
      const facts = await found.promise;
      await sendBytes(deps, reply, { code: 200, headers: headersOf(facts, path), source: output, abort });
    } catch (error) {
      if (!response.destroyed) throw refusal(error, { kind, name, path, aborted: abort.signal.aborted });
      reply.hijack(); // nobody is there to hear of it
    } finally {
      response.off('close', onClose);
      abort.abort();
      await reading;
      leave();
    }
    return reply;
  };
}

function headersOf({ type, size }: PathFacts, path: string) {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return {
    'content-type': type === 'file' ? 'application/octet-stream' : 'application/x-tar',
    'content-disposition': attachment(type === 'file' ? name : `${name}.tar`),
    [contentHeader]: type,
    ...(type === 'file' && size !== undefined ? { 'content-length': size } : {}),
  };
}

/** RFC 6266: a plain name for old readers, the true one in UTF-8 beside it. */
function attachment(name: string): string {
  const plain = name.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name.toWellFormed()).replaceAll(/['()*]/g, (mark) => {
    return `%${mark.charCodeAt(0).toString(16).toUpperCase()}`;
  });
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

interface Refused {
  kind: KindDefinition;
  name: string;
  path: string;
  aborted: boolean;
}

/** What a client hears instead of bytes. */
function refusal(error: unknown, { kind, name, path, aborted }: Refused): unknown {
  if (aborted) return new StatusError(unavailable('the reading was ended'), { cause: error });
  if (!(error instanceof ArchiveError)) return error;
  switch (error.code) {
    case 'NOT_FOUND':
      return new StatusError(missing(kind, name, `there is no ${JSON.stringify(path)} in its archive`), {
        cause: error,
      });
    case 'NOT_AN_ARCHIVE':
    case 'DAMAGED':
    case 'UNSAFE_NAME':
    case 'TOO_DEEP':
    case 'TOO_MANY_ENTRIES':
      return new StatusError(unprocessable(error.message), { cause: error });
    default:
      return error;
  }
}
