// A WebSocket client without manners: after a proper upgrade it writes whatever bytes a test wants.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawSocketOptions {
  port: number;
  uuid: string;
  origin: string;
  extensions?: string;
}

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9 } as const;

interface FrameOptions {
  opcode: number;
  fin?: boolean;
  compressed?: boolean;
  masked?: boolean;
}

/** A frame as a client sends it. The mask is zero, so that the payload can be read in a dump. */
export function clientFrame(
  payload: Buffer,
  { opcode, fin = true, compressed = false, masked = true }: FrameOptions,
): Buffer {
  const { length } = payload;
  const first = (fin ? 0x80 : 0) | (compressed ? 0x40 : 0) | opcode;
  const mask = masked ? 0x80 : 0;
  const head =
    length < 126
      ? Buffer.from([first, mask | length])
      : length < 65_536
        ? Buffer.from([first, mask | 126, length >> 8, length & 255])
        : Buffer.from([first, mask | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (length >> shift) & 255)]);
  return Buffer.concat([head, Buffer.alloc(masked ? 4 : 0), payload]);
}

export class RawSocket {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  closed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece) => {
      this.#received = Buffer.concat([this.#received, piece]);
    });
    socket.on('error', () => {}); // A reset is one way to be refused.
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Resolves after the answer to the upgrade. */
  static async open({ port, uuid, origin, extensions }: RawSocketOptions): Promise<RawSocket> {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    const raw = new RawSocket(socket);
    const lines = [
      `GET /api/servers/${uuid}/ws HTTP/1.1`,
      'Host: node',
      'Connection: Upgrade',
      'Upgrade: websocket',
      `Origin: ${origin}`,
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      ...(extensions ? [`Sec-WebSocket-Extensions: ${extensions}`] : []),
    ];
    socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    while (!raw.#received.includes('\r\n\r\n')) await once(socket, 'data');
    raw.#received = raw.#received.subarray(raw.#received.indexOf('\r\n\r\n') + 4);
    return raw;
  }

  /** Resolves when the system took it, or the other side is gone. */
  write(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      if (this.closed) resolve();
      else this.socket.write(bytes, () => resolve());
    });
  }

  /** Of the close frame that came, if one did. */
  get closeCode(): number | undefined {
    const at = this.#received.lastIndexOf(Buffer.from([0x88]));
    return at === -1 || this.#received.length < at + 4 ? undefined : this.#received.readUInt16BE(at + 2);
  }

  async untilClosed(): Promise<number | undefined> {
    if (!this.closed) await once(this.socket, 'close', { signal: AbortSignal.timeout(30_000) });
    return this.closeCode;
  }
}
