// A registry that takes connections and never answers: a pull from it goes on until somebody ends it.
import { createServer, type Socket } from 'node:net';
import type { Owner } from './owner.ts';

export interface HangingRegistry {
  /** One that lies there. */
  image: string;
  /** Resolves when somebody has come for it. */
  asked: Promise<void>;
}

export async function hangingRegistry(t: Owner): Promise<HangingRegistry> {
  const sockets = new Set<Socket>();
  const asked = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    sockets.add(socket);
    asked.resolve();
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => server.on('error', reject).listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has an address and a port');
  return { image: `127.0.0.1:${address.port}/test/slow:1`, asked: asked.promise };
}
