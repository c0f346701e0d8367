// What an answer costs node:http itself: a server without anything else, in a process of its own, that answers every
// request with the same bytes. The figures of the node API stand beside it, because machines differ.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface BareServer {
  port: number;
  pid: number;
  stop(): Promise<void>;
}

export async function startBareServer(body: string): Promise<BareServer> {
  const child = fork(import.meta.filename, { stdio: 'inherit', execArgv: ['--disable-warning=ExperimentalWarning'] });
  child.send(body);
  const [port] = (await once(child, 'message')) as [number];
  return {
    port,
    pid: child.pid ?? 0,
    async stop() {
      child.disconnect();
      await once(child, 'exit');
    },
  };
}

if (process.send && process.argv[1] === import.meta.filename) {
  const [text] = (await once(process, 'message')) as [string];
  const body = Buffer.from(text);
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': body.length });
    response.end(body);
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  process.once('disconnect', () => {
    server.close();
    server.closeAllConnections();
  });
}
