// A node as its owner runs it: files of settings in a directory of its own (with a space in its name), the daemon by
// bin/aileron, and the command line against it. Real Docker; nothing is left after the test.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { nodeNameLabel } from '../../src/containers/container-labels.ts';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { anIssuer, writePair } from './certificates.ts';
import { removeContainers, testImage, uniqueName } from './docker.ts';
import { freePorts } from './free-ports.ts';
import { game } from './live-node.ts';
import { plainEnvironment } from './npm-start.ts';
import { type Ending, type RunOptions, runProgram } from './run-program.ts';
import { checkout } from './source-files.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { until } from './until.ts';

export const aileron = join(checkout, 'bin/aileron');

export interface CliNodeOptions {
  /** More of config.yml. */
  yaml?: string;
  /** More of its section `system`: lines of YAML. */
  system?: readonly string[];
  manifests?: string;
  /** With a certificate for that name, of an authority that nobody knows. */
  tls?: string;
}

export class CliNode {
  readonly directory: string;
  readonly config: string;
  readonly state: string;
  readonly ports: { api: number; kube: number; ops: number };
  readonly env: NodeJS.ProcessEnv;
  readonly nodeName: string;
  readonly #t: TestContext;
  #daemon: ChildProcess | undefined;
  #log = '';

  private constructor(t: TestContext, directory: string, ports: CliNode['ports'], options: CliNodeOptions) {
    this.#t = t;
    this.directory = directory;
    this.ports = ports;
    this.nodeName = uniqueName('node');
    this.state = join(directory, 'the state');
    this.config = join(directory, 'config.yml');
    this.env = { ...plainEnvironment(), AILERON_CONFIG: this.config, NO_COLOR: '1' };
    writeFileSync(this.config, wingsFile(directory, ports.api, options), { mode: 0o600 });
    writeFileSync(join(directory, 'aileron.yml'), ownFile(this, options), { mode: 0o600 });
  }

  static async make(t: TestContext, options: CliNodeOptions = {}): Promise<CliNode> {
    const directory = mkdtempSync(join(tmpdir(), 'aileron cli-'));
    const [api = 0, kube = 0, ops = 0] = await freePorts(3);
    if (options.tls !== undefined) writePair(directory, await (await anIssuer()).pairFor(options.tls));
    const node = new CliNode(t, directory, { api, kube, ops }, options);
    t.after(() => node.#remove());
    return node;
  }

  /** Resolves when it is ready. */
  async start(): Promise<void> {
    const child = spawn(aileron, ['up'], { env: this.env, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-20_000);
    });
    this.#daemon = child;
    await until('the daemon is ready', 30_000, async () => {
      if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}:\n${this.#log}`);
      const answer = await fetch(`http://127.0.0.1:${this.ports.ops}/readyz`).catch(() => undefined);
      return answer?.ok;
    });
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#daemon;
    this.#daemon = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** Of the daemon that runs. */
  get pid(): number {
    return this.#daemon?.pid ?? 0;
  }

  /** The last of what the daemon said. */
  get log(): string {
    return this.#log;
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Ending> {
    return runProgram(aileron, args, { cwd: this.directory, env: this.env, ...options });
  }

  /** The same with a terminal around it. */
  terminal(args: readonly string[]): Terminal {
    const command = [aileron, ...args].map((word) => `'${word}'`).join(' ');
    return openTerminal(this.#t, command, { cwd: this.directory, env: { ...this.env, TERM: 'xterm' } });
  }

  /** A manifest of a server that answers on its console; written beside the settings. */
  async manifest(name: string, more: Record<string, unknown> = {}): Promise<string> {
    const object = {
      apiVersion: 'aileron.dev/v1',
      kind: 'Server',
      metadata: { name },
      spec: {
        image: `~${await testImage(process.env)}`,
        invocation: game(),
        egg: { done: ['Done'], stop: { type: 'command', value: 'stop' } },
        reclaimPolicy: 'Delete',
        ...more,
      },
    };
    const file = join(this.directory, `${name}.json`);
    writeFileSync(file, JSON.stringify(object));
    return file;
  }

  readState(name: string): string {
    return readFileSync(join(this.state, name), 'utf8');
  }

  async #remove(): Promise<void> {
    await this.stop('SIGKILL');
    const docker = createDockerEngine(process.env);
    const reachable = await docker.ping().then(
      () => true,
      () => false,
    );
    if (reachable) await removeContainers(docker, { [nodeNameLabel]: this.nodeName });
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

function wingsFile(directory: string, apiPort: number, { yaml = '', system = [], tls }: CliNodeOptions): string {
  const below = (name: string) => JSON.stringify(join(directory, name));
  const files = `cert: ${below('fullchain.pem')}, key: ${below('privkey.pem')}`;
  mkdirSync(join(directory, 'root'), { mode: 0o700 });
  return `token_id: abc
token: a-token-of-the-test-0123456789abcdef
api: { host: 127.0.0.1, port: ${apiPort}${tls === undefined ? '' : `, ssl: { enabled: true, ${files} }`} }
system:
  root_directory: ${below('root')}
  log_directory: ${below('log')}
  tmp_directory: ${below('tmp')}
  username: ${userInfo().username}
  timezone: UTC
  check_permissions_on_boot: false
  user: { passwd: { enable: false } }
  machine_id: { enable: false }
${system.map((line) => `  ${line}\n`).join('')}docker:
  network: { name: none, network_mode: none, dns: [] }
${yaml}`;
}

function ownFile({ nodeName, ports, state }: CliNode, { manifests }: CliNodeOptions): string {
  return `flavour: pelican
nodeName: ${nodeName}
kube: { host: 127.0.0.1, port: ${ports.kube} }
ops: { host: 127.0.0.1, port: ${ports.ops} }
store:
  path: ${JSON.stringify(join(state, 'store.db'))} # beside the settings
stopGraceSeconds: 3
${manifests === undefined ? '' : `manifests: ${JSON.stringify(manifests)}\n`}`;
}
