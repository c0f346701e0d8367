// A server on a unix socket that answers as the test says, for answers that no honest engine gives.
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { TestContext } from 'node:test';

export interface DockerStub {
  env: { DOCKER_HOST: string };
  /** Method and path of every request but the pings. */
  requests: string[];
  /** Answered by `/_ping`; change it for an engine of another version. */
  apiVersion: string;
  /** Pings wait for it. */
  pingable: Promise<void>;
  answer: (request: http.IncomingMessage, response: http.ServerResponse) => void;
  /** Gets the raw connection of a request that asks for one, after the 101. */
  onUpgrade: (socket: Duplex) => void;
  start(): Promise<void>;
  /** Closes every connection and the socket file with them. */
  stop(): Promise<void>;
}

export async function dockerStub(
  t: Pick<TestContext, 'after'>,
  answer: DockerStub['answer'] = (_request, response) => response.end(),
): Promise<DockerStub> {
  const directory = mkdtempSync(join(tmpdir(), 'stub-'));
  const path = join(directory, 'docker.sock');
  const open = new Set<Duplex>();
  let server: http.Server | undefined;
  const stub: DockerStub = {
    env: { DOCKER_HOST: `unix://${path}` },
    requests: [],
    apiVersion: '1.41',
    pingable: Promise.resolve(),
    answer,
    onUpgrade: () => {},
    async start() {
      const started = http.createServer((request, response) => {
        if (request.url === '/_ping') {
          void stub.pingable.then(() => {
            response.setHeader('Api-Version', stub.apiVersion);
            response.end('OK');
          });
          return;
        }
        stub.requests.push(`${request.method} ${request.url}`);
        stub.answer(request, response);
      });
      started.on('connection', (socket) => {
        open.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => open.delete(socket));
      });
      started.on('upgrade', (request, socket) => {
        stub.requests.push(`${request.method} ${request.url}`);
        socket.on('error', () => {});
        socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
        stub.onUpgrade(socket);
      });
      await new Promise<void>((resolve) => started.listen(path, resolve));
      server = started;
    },
    async stop() {
      const stopped = server;
      server = undefined;
      if (!stopped) return;
      const closed = new Promise((resolve) => stopped.close(resolve));
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
  t.after(async () => {
    await stub.stop();
    rmSync(directory, { recursive: true, force: true });
  });
  await stub.start();
  return stub;
}

/** Sends a JSON answer. */
export function json(response: http.ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'Content-Type': 'application/json' });
  response.end(JSON.stringify(value));
}
