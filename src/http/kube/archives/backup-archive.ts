// GET of `backups/NAME/archive`: the archive as it is, whole or a range of it, so that a download can be resumed.

import { ObjectStoreError } from '../../../objectstore/object-store.ts';
import type { Backup } from '../../../resources/backup.ts';
import { byteRange } from '../../byte-range.ts';
import { sendBytes } from '../../send-bytes.ts';
import type { Handler } from '../context.ts';
import { rangeNotSatisfiable, StatusError } from '../status.ts';
import type { StreamLimit } from '../stream-limit.ts';
import { type ArchiveAccess, archiveMissing, completedBackup } from './access.ts';

export function backupArchive({ objects }: Pick<ArchiveAccess, 'objects'>, places: StreamLimit): Handler {
  return async (deps, kind, request, reply) => {
    const { name, backup, key } = await completedBackup(deps, kind, request);
    const stored = await objects.stat(key);
    if (!stored) throw new StatusError(archiveMissing(kind, name));
    const { size } = stored;
    const tag = entityTag(backup);
    // A resumed download of what has changed meanwhile begins anew.
    const condition = request.headers['if-range'];
    const range = condition !== undefined && condition !== tag ? 'all' : byteRange(request.headers.range, size);
    if (range === 'none') {
      reply.header('content-range', `bytes */${size}`);
      throw new StatusError(rangeNotSatisfiable(size));
    }
    const { abort, leave } = places.enter();
    try {
      const source = await objects.read(key, range === 'all' ? undefined : range).catch((error: unknown) => {
        const gone = error instanceof ObjectStoreError && error.code === 'NOT_FOUND';
        throw gone ? new StatusError(archiveMissing(kind, name), { cause: error }) : error;
      });
      const part = range === 'all' ? { start: 0, end: size - 1 } : range;
      const headers = {
        'content-type': backup.status?.archive?.format === 'zstd' ? 'application/zstd' : 'application/gzip',
        'content-length': part.end - part.start + 1,
        'content-disposition': `attachment; filename="${fileName(backup)}"`,
        'accept-ranges': 'bytes',
        ...(tag ? { etag: tag } : {}),
        ...(range === 'all' ? {} : { 'content-range': `bytes ${part.start}-${part.end}/${size}` }),
      };
      await sendBytes(deps, reply, { code: range === 'all' ? 200 : 206, headers, source, abort });
    } finally {
      leave();
    }
    return reply;
  };
}

/** Of the bytes: their checksum. */
function entityTag({ status }: Backup): string | undefined {
  return status?.archive ? `"${status.archive.checksum}"` : undefined;
}

function fileName({ spec, status }: Backup): string {
  return `${spec.uuid}.tar.${status?.archive?.format === 'zstd' ? 'zst' : 'gz'}`;
}
