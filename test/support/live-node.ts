// A node of the test's own on a real Docker Engine: directories, settings, one daemon after another over the same state,
// and games that keep count of their starts. At the end of the test nothing of it is left.
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../src/config/config.ts';
import { nodeNameLabel, serverNameLabel } from '../../src/containers/container-labels.ts';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import type { ContainerInfo, DockerEngine } from '../../src/docker/engine.ts';
import type { Server } from '../../src/resources/server.ts';
import { DaemonChild, type DaemonChildOptions } from './daemon-child.ts';
import { type Env, removeContainers, testImage, uniqueName } from './docker.ts';
import type { NodeClient, ServerInput } from './node-client.ts';
import { type NodeConfigOptions, nodeConfig } from './node-config.ts';
import type { Owner } from './owner.ts';

export interface LiveNodeOptions extends NodeConfigOptions {
  /** Of the engine; default the machine's. */
  docker?: Env;
  change?: (config: Config) => Config;
  /** Where its directory is made; default the place for temporary files. */
  parent?: string;
}

/** Says that it is up, keeps what it reads in `commands`, and ends on `stop`: when nothing was typed for so many whole seconds. */
export function game({ stopSeconds = 0 }: { stopSeconds?: number } = {}): string {
  const keep = 'echo "$line" >> /home/container/commands';
  const linger = stopSeconds > 0 ? `while read -r -t ${stopSeconds} line; do ${keep}; done` : 'true';
  return [
    'echo started >> /home/container/starts',
    'echo loading',
    'echo "Done (1s)!"',
    `while read -r line; do ${keep}`,
    `case "$line" in stop) echo saving; ${linger}; exit 0;; crash*) exit "\${line#crash }";; *) echo "got $line";; esac`,
    'done',
  ].join('; ');
}

export class LiveNode {
  readonly docker: DockerEngine;
  readonly directory: string;
  readonly config: Config;
  readonly image: string;
  readonly #env: Env;
  #daemon: DaemonChild | undefined;

  private constructor(directory: string, config: Config, image: string, env: Env) {
    this.directory = directory;
    this.config = config;
    this.image = image;
    this.#env = env;
    this.docker = createDockerEngine(env);
  }

  static async make(t: Owner, options: LiveNodeOptions = {}): Promise<LiveNode> {
    const env = options.docker ?? process.env;
    const directory = mkdtempSync(join(options.parent ?? tmpdir(), 'aileron-node-'));
    const nodeName = uniqueName('node');
    const { change = (config) => config } = options;
    const config = change(nodeConfig(directory, { ...options, aileron: { nodeName, ...options.aileron } }));
    const node = new LiveNode(directory, config, await testImage(env), env);
    t.after(() => node.#remove());
    return node;
  }

  /** The daemon that runs now. */
  get daemon(): DaemonChild {
    if (!this.#daemon) throw new Error('no daemon was started');
    return this.#daemon;
  }

  get api(): NodeClient {
    return this.daemon.api;
  }

  async start(options: DaemonChildOptions = {}): Promise<DaemonChild> {
    const env = { ...this.#env, ...options.env };
    this.#daemon = await DaemonChild.start(this.directory, this.config, { ...options, env });
    return this.#daemon;
  }

  /** As if the power of the daemon alone had failed. */
  async killAndStart(): Promise<DaemonChild> {
    await this.daemon.kill();
    return this.start();
  }

  /** A server that is offline and has been looked at. */
  async add(name: string, spec: ServerInput = {}): Promise<string> {
    const server = await this.api.create(name, this.input(spec));
    if (spec.power?.desired !== 'Running') await this.api.untilState(name, 'offline');
    return server.spec.uuid ?? '';
  }

  async addRunning(name: string, spec: ServerInput = {}): Promise<string> {
    const uuid = await this.add(name, { ...spec, power: { desired: 'Running' } });
    await this.running(name);
    return uuid;
  }

  input(spec: ServerInput = {}): ServerInput {
    return {
      uuid: randomUUID(),
      image: `~${this.image}`,
      invocation: game(),
      egg: { done: ['Done'], stop: { type: 'command', value: 'stop' } },
      ...spec,
    };
  }

  /** Resolves when it runs and nothing is under way. */
  running(name: string, ms?: number): Promise<Server> {
    return this.api.until(name, 'it runs', ({ status }) => status?.state === 'running' && !status.operation, ms);
  }

  /** Every container that was made for the server, whatever it is called. */
  async containers(name: string): Promise<ContainerInfo[]> {
    const listed = await this.docker.listContainers({
      [nodeNameLabel]: this.config.aileron.nodeName,
      [serverNameLabel]: name,
    });
    const all = await Promise.all(listed.map(({ id }) => this.docker.inspectContainer(id)));
    return all.filter((container) => container !== undefined);
  }

  /** How often the game of this server was started, by its own count. */
  starts(uuid: string): number {
    return this.#linesOf(uuid, 'starts').length;
  }

  /** What the game read from its console. */
  commands(uuid: string): string[] {
    return this.#linesOf(uuid, 'commands');
  }

  volume(uuid: string): string {
    return join(this.config.system.data, uuid);
  }

  #linesOf(uuid: string, name: string): string[] {
    const file = join(this.volume(uuid), name);
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  }

  async #remove(): Promise<void> {
    await this.#daemon?.kill();
    const reachable = await this.docker.ping().then(
      () => true,
      () => false,
    );
    if (reachable) await removeContainers(this.docker, { [nodeNameLabel]: this.config.aileron.nodeName });
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
