// An answer made of bytes that come as the reader takes them. A reader that takes nothing for a minute, or that is gone,
// ends the source; a source that fails cuts the answer short, so that nobody takes a part for the whole.
import type { OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { FastifyReply } from 'fastify';
import type { Clock } from '../clock/clock.ts';
import type { Logger } from '../telemetry/log.ts';

/** ms; how often a reader is looked at, and after how many looks without a byte it is given up. */
const stallLookMs = 15_000;
const stallLooks = 4;

export interface ByteAnswer {
  code: 200 | 206;
  headers: OutgoingHttpHeaders;
  source: Readable;
  /** Aborted by this when the reader is gone, and by others to end the answer. */
  abort: AbortController;
}

/** Resolves when the answer is over, well or not. */
export async function sendBytes(
  { clock, log }: { clock: Clock; log: Logger },
  reply: FastifyReply,
  { code, headers, source, abort }: ByteAnswer,
): Promise<void> {
  reply.hijack();
  const response = reply.raw;
  const { socket } = response;
  // Gone while the source was opened: nothing would tell a pipeline of it any more.
  if (response.destroyed || !socket || socket.destroyed) {
    source.destroy();
    return;
  }
  // A source may be silent for long; what counts is that the reader takes what there is.
  socket.setTimeout(0);
  for (const [name, value] of Object.entries({ ...reply.getHeaders(), ...headers }))
    if (value !== undefined) response.setHeader(name, value);
  // Whatever it looks like, it is what its headers say.
  response.setHeader('x-content-type-options', 'nosniff');
  response.writeHead(code);
  response.flushHeaders();
  let taken = -1;
  let looks = 0;
  let cancel = () => {};
  const look = () => {
    const now = socket.bytesWritten;
    looks = now === taken && response.writableNeedDrain ? looks + 1 : 0;
    taken = now;
    if (looks >= stallLooks) abort.abort();
    else cancel = clock.after(stallLookMs, look);
  };
  look();
  try {
    await pipeline(source, response, { signal: abort.signal });
  } catch (error) {
    const readerIsGone = (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
    if (!readerIsGone && !abort.signal.aborted) log.error({ err: error }, 'an answer was cut short');
  } finally {
    cancel();
  }
}
