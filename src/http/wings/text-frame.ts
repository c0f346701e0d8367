// A whole WebSocket text frame, header and payload, as a server sends it: unmasked, so the same bytes serve every socket.
// Frames are never compressed: a small console line gains nothing, and one serialisation could not serve all.
import type { Encode } from '../../console/frame.ts';

/** FIN and opcode 1. */
const finalText = 0x81;

/** `{"event":…,"args":[…]}`; without `args` the key is absent, as every front end expects. */
export const textFrame: Encode = (event, args) => {
  const payload = JSON.stringify(args === undefined ? { event } : { event, args });
  const length = Buffer.byteLength(payload);
  const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerLength + length);
  frame[0] = finalText;
  if (headerLength === 2) {
    frame[1] = length;
  } else if (headerLength === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(payload, headerLength, 'utf8');
  return frame;
};
