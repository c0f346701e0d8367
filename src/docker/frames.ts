// Takes the 8-byte headers out of the output of a container without a terminal: stream number, three zeros, length.
// Payload is passed on as it comes, so memory does not depend on what a header claims; a wild claim ends the stream.
import { DockerError } from './engine.ts';

const headerBytes = 8;
/** Docker copies in pieces of 32 KiB and cuts log lines at 16 KiB; more than this is not a header. */
const maxFrameBytes = 1_048_576;
const lastStream = 2;

/** Standard output and error in the order they came. @throws DockerError when something is not a frame */
export async function* withoutFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const header = Buffer.alloc(headerBytes);
  let headerFilled = 0;
  let payloadLeft = 0;
  for await (const chunk of source) {
    let at = 0;
    while (at < chunk.length) {
      if (payloadLeft > 0) {
        const piece = chunk.subarray(at, at + payloadLeft);
        at += piece.length;
        payloadLeft -= piece.length;
        yield piece;
        continue;
      }
      const copied = chunk.copy(header, headerFilled, at, at + headerBytes - headerFilled);
      at += copied;
      headerFilled += copied;
      if (headerFilled < headerBytes) continue;
      headerFilled = 0;
      payloadLeft = payloadLength(header);
    }
  }
}

function payloadLength(header: Buffer): number {
  const length = header.readUInt32BE(4);
  if (header.readUInt8(0) > lastStream || length > maxFrameBytes) {
    throw new DockerError(200, `Docker's output is not framed as it should be: header ${header.toString('hex')}`);
  }
  return length;
}
