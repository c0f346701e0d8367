// A registry with one image in it, the one of the tests: Docker really pulls it. It can ask for a name and a password,
// tell less than the truth of its layers, and remembers who sent what.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { rootFileSystem, testCommand } from './docker.ts';
import type { Owner } from './owner.ts';

const types = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
};

export interface SmallRegistryOptions {
  /** Without it everybody may pull. */
  account?: { username: string; password: string };
}

export class SmallRegistry {
  /** Every credential that was sent, decoded. */
  readonly credentials: string[] = [];
  /** Layers are other bytes than their digest says: the pull breaks in the middle of its answer. */
  corrupt = false;
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifest: Buffer;
  readonly #account: SmallRegistryOptions['account'];
  readonly #server = createServer((request, response) => this.#answer(request, response));

  private constructor({ account }: SmallRegistryOptions) {
    this.#account = account;
    const tar = rootFileSystem();
    const config = Buffer.from(
      JSON.stringify({
        ...{ architecture: process.arch === 'x64' ? 'amd64' : process.arch, os: 'linux' },
        config: { Cmd: testCommand },
        rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
      }),
    );
    const layer = gzipSync(tar);
    for (const blob of [config, layer]) this.#blobs.set(digestOf(blob), blob);
    const described = (mediaType: string, blob: Buffer) => ({ mediaType, size: blob.length, digest: digestOf(blob) });
    this.#manifest = Buffer.from(
      JSON.stringify({
        ...{ schemaVersion: 2, mediaType: types.manifest },
        config: described(types.config, config),
        layers: [described(types.layer, layer)],
      }),
    );
  }

  static async start(owner: Owner, options: SmallRegistryOptions = {}): Promise<SmallRegistry> {
    const registry = new SmallRegistry(options);
    await registry.#listen();
    owner.after(() => registry.close());
    return registry;
  }

  #listen(): Promise<void> {
    return new Promise((resolve, reject) => this.#server.on('error', reject).listen(0, '127.0.0.1', resolve));
  }

  /** `127.0.0.1:port` */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on nobody is there. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer({ url = '', headers: { authorization } }: IncomingMessage, response: ServerResponse): void {
    const sent = authorization?.replace(/^Basic /, '');
    if (sent !== undefined) this.credentials.push(Buffer.from(sent, 'base64').toString());
    const { username, password } = this.#account ?? {};
    if (this.#account && this.credentials.at(-1) !== `${username}:${password}`)
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="small"' }).end('{"errors":[]}');
    if (url === '/v2/') return void response.end('{}');
    const [, kind, name = ''] = /^\/v2\/test\/game\/(manifests|blobs)\/([\w:.-]+)$/.exec(url) ?? [];
    if (kind === 'manifests' && (name === '1' || name === digestOf(this.#manifest))) {
      response.setHeader('content-type', types.manifest).setHeader('docker-content-digest', digestOf(this.#manifest));
      return void response.setHeader('content-length', this.#manifest.length).end(this.#manifest);
    }
    const blob = kind === 'blobs' ? this.#blobs.get(name) : undefined;
    if (!blob) return void response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"unknown"}]}');
    response.end(this.corrupt ? Buffer.alloc(blob.length) : blob);
  }
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
