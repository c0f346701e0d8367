// A kube API on a free port over a store in memory, and clients for it: single requests, watches, and real kubectl.
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { Registry } from 'prom-client';
import { systemClock } from '../../src/clock/clock.ts';
import { kubeconfig } from '../../src/http/kube/pki/kubeconfig.ts';
import { ensurePki } from '../../src/http/kube/pki/pki.ts';
import { createKubeServer, type KubeServerOptions } from '../../src/http/kube/server.ts';
import { Admission } from '../../src/resources/admission.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { MemoryStore, type MemoryStoreOptions } from './memory-store.ts';

export type Json = Record<string, unknown>;

export interface Answer {
  code: number;
  headers: IncomingMessage['headers'];
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of many shapes
  json: any;
}

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string | string[]>;
  /** Instead of the token; null for none. */
  authorization?: string | null;
}

export interface WatchLine {
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: see above
  object: any;
}

export interface OpenWatch {
  code: number;
  /** The next line; undefined at the end of the stream. */
  next(): Promise<WatchLine | undefined>;
  /** Stops reading, as a stuck client does. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface KubectlResult {
  code: number;
  out: string;
  err: string;
}

export type Kube = Awaited<ReturnType<typeof openKube>>;

export interface KubeFixtureOptions {
  store?: Partial<MemoryStoreOptions>;
  server?: Partial<KubeServerOptions>;
}

export async function openKube(options: KubeFixtureOptions = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'aileron-kube-'));
  const clock = systemClock;
  const store = new MemoryStore({ clock, ...options.store });
  const pki = await ensurePki({ directory: join(directory, 'pki'), host: '127.0.0.1', clock, log: silentLogger });
  const admission = new Admission({ store, nodeName: 'node-1', clock, newId: randomUUID });
  const registry = new Registry();
  const server = createKubeServer({
    store,
    admission,
    clock,
    log: silentLogger,
    pki,
    build: { version: '0.0.0-test' },
    registry,
    ...options.server,
  });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const agent = new Agent({ ca: pki.caCertificate, keepAlive: true });
  const origin = `https://127.0.0.1:${port}`;
  const config = join(directory, 'kubeconfig');
  await writeFile(config, kubeconfig({ host: '127.0.0.1', port, pki }), { mode: 0o600 });

  const send = async (method: string, path: string, { body, headers = {}, authorization }: CallOptions = {}) => {
    const authorized = authorization === null ? {} : { authorization: authorization ?? `Bearer ${pki.token}` };
    const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : body ? JSON.stringify(body) : undefined;
    // Said outright, because Node leaves it out for DELETE.
    const length = String(Buffer.byteLength(bytes ?? ''));
    const typed = bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': length };
    const outgoing = request(`${origin}${path}`, { method, agent, headers: { ...typed, ...authorized, ...headers } });
    outgoing.end(bytes);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    // From here on the stream itself says how it ended.
    outgoing.on('error', () => {});
    return response;
  };

  return {
    store,
    pki,
    port,
    registry,
    directory,
    server,
    async call(method: string, path: string, callOptions?: CallOptions): Promise<Answer> {
      const response = await send(method, path, callOptions);
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      const text = Buffer.concat(chunks).toString();
      const json = response.headers['content-type']?.includes('json') ? JSON.parse(text) : undefined;
      return { code: response.statusCode ?? 0, headers: response.headers, text, json };
    },
    async watch(path: string, callOptions?: CallOptions): Promise<OpenWatch> {
      return readWatch(await send('GET', path, callOptions));
    },
    kubectl: (args: string[], input?: string) => runKubectl(config, directory, args, input),
    async close(): Promise<void> {
      agent.destroy();
      await server.close();
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function readWatch(response: IncomingMessage): OpenWatch {
  response.on('error', () => {});
  const lines = createInterface({ input: response })[Symbol.asyncIterator]();
  return {
    code: response.statusCode ?? 0,
    async next() {
      const line = await lines.next();
      return line.done ? undefined : (JSON.parse(line.value) as WatchLine);
    },
    pause: () => void response.socket.pause(),
    resume: () => void response.socket.resume(),
    close: () => response.destroy(),
  };
}

/** With an environment and home of its own, so that nothing of the machine's kubectl is read or written. */
export function runKubectl(
  config: string,
  home: string,
  args: string[],
  input?: string,
  variables: Record<string, string> = {},
): Promise<KubectlResult> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: home, KUBECONFIG: config, ...variables };
    const child = execFile('kubectl', args, { env, timeout: 60_000 }, (error, out, err) => {
      const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
      resolve({ code, out, err });
    });
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}

/** False when kubectl is on PATH, else why the test is skipped. */
export async function missingKubectl(): Promise<string | false> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    try {
      await access(join(folder, 'kubectl'), constants.X_OK);
      return false;
    } catch {
      // Not in this folder.
    }
  }
  return 'needs kubectl';
}

export const serversPath = '/apis/aileron.dev/v1/servers';

/** As little as a Server may say. */
export function serverManifest(name: string, spec: Json = {}, metadata: Json = {}): Json {
  return {
    apiVersion: 'aileron.dev/v1',
    kind: 'Server',
    metadata: { name, ...metadata },
    spec: { image: '~test/game:1', ...spec },
  };
}
