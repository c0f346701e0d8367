// GET /download/backup: one archive for whoever has the link that the Panel signed, whole or a range of it. A link that is
// revoked ends what it opened.
import type { FastifyInstance } from 'fastify';
import { ObjectStoreError } from '../../../objectstore/object-store.ts';
import { byteRange } from '../../byte-range.ts';
import { sendBytes } from '../../send-bytes.ts';
import { attachment } from '../content-disposition.ts';
import { RequestRefused, refusals } from '../http-errors.ts';
import { LinkStreams } from '../link-streams.ts';
import { queryText } from '../query-text.ts';
import { knownServers, type RouteDeps } from '../route-deps.ts';
import { linkHeaders } from '../signed-links.ts';

type DownloadDeps = Pick<
  RouteDeps,
  'archives' | 'clock' | 'closing' | 'config' | 'links' | 'log' | 'revocations' | 'rules' | 'servers'
>;

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function downloadRoutes(app: FastifyInstance, deps: DownloadDeps): void {
  const { archives, config, links } = deps;
  const streams = new LinkStreams(deps);
  app.addHook('preClose', async () => streams.close());

  app.get('/download/backup', { config: { open: true } }, async (request, reply) => {
    reply.headers(linkHeaders);
    await knownServers(deps);
    const { range: wanted, host } = request.headers;
    // A download that broke off may go on; the whole is given away once.
    const most = wanted === undefined ? 1 : config.aileron.downloadLinkUses;
    const { claims } = await links.open(queryText(request, 'token'), 'backup-download', { most, host });
    const backup = claims.backupUuid.toLowerCase();
    if (!uuidPattern.test(backup)) throw new RequestRefused(refusals.noSuchBackup);
    const key = { server: claims.serverUuid, backup };
    const size = (await archives.stat(key))?.size;
    if (size === undefined) throw new RequestRefused(refusals.noSuchBackup);

    const range = byteRange(wanted, size);
    if (range === 'none') {
      reply.header('content-range', `bytes */${size}`);
      throw new RequestRefused(refusals.noSuchRange);
    }
    const part = range === 'all' ? { start: 0, end: size - 1 } : range;
    const { abort, leave } = streams.enter(claims);
    try {
      // Never more than what was measured: that is what the answer promises.
      const source = await archives.read(key, size === 0 ? undefined : part).catch((error: unknown) => {
        const isGone = error instanceof ObjectStoreError && error.code === 'NOT_FOUND';
        throw isGone ? new RequestRefused(refusals.noSuchBackup, { cause: error }) : error;
      });
      const headers = {
        'content-type': 'application/octet-stream',
        'content-length': part.end - part.start + 1,
        'content-disposition': attachment(`${backup}.tar.gz`),
        'accept-ranges': 'bytes',
        ...(range === 'all' ? {} : { 'content-range': `bytes ${part.start}-${part.end}/${size}` }),
      };
      await sendBytes(deps, reply, { code: range === 'all' ? 200 : 206, headers, source, abort });
    } finally {
      leave();
    }
    return reply;
  });
}
