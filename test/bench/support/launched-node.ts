// The program as it is installed, bin/aileron, in a directory of its own: started, looked at from outside, stopped. What
// the kernel says about its memory and time is the figure, not what it says itself.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { uniqueName } from '../../support/docker.ts';
import { NodeClient } from '../../support/node-client.ts';
import type { PanelStandIn } from '../../support/panel/panel-stand-in.ts';

const program = fileURLToPath(new URL('../../../bin/aileron', import.meta.url));
const readyWithinMs = 60_000;
const mostLogLines = 200;

export interface Footprint {
  pid: number;
  /** Resident bytes, and those of them that are not a file's. */
  rss: number;
  anonymous: number;
  /** Seconds of all threads since the process began. */
  cpu: number;
}

export interface Ports {
  kube: number;
  ops: number;
  /** Of the consoles. */
  api: number;
}

export type PanelOfNode = Pick<PanelStandIn, 'node' | 'url'>;

export class LaunchedNode {
  readonly directory: string;
  readonly nodeName = uniqueName('bench');
  /** Whoever shows the secret is the Panel. */
  readonly token: { id: string; secret: string };
  readonly #remote: string;
  #process: ChildProcess | undefined;
  #api: NodeClient | undefined;
  #ports: Ports = { kube: 0, ops: 0, api: 0 };
  readonly #log: string[] = [];

  /** `system`: more lines of that section; `panel`: without one the node is nobody's. */
  constructor({ system = [], panel }: { system?: readonly string[]; panel?: PanelOfNode } = {}) {
    this.token = panel ? { id: panel.node.tokenId, secret: panel.node.token } : { id: 'bench', secret: 'b'.repeat(64) };
    this.#remote = panel?.url ?? '';
    this.directory = mkdtempSync(join(tmpdir(), 'aileron-bench-'));
    mkdirSync(join(this.directory, 'state'), { mode: 0o700 });
    writeFileSync(join(this.directory, 'config.yml'), this.#configuration(system), { mode: 0o600 });
    writeFileSync(join(this.directory, 'aileron.yml'), this.#settings());
  }

  /** Milliseconds from the start of the process until it answers that it is ready. @throws Error with its log */
  async start(): Promise<number> {
    const { NODE_OPTIONS: _, ...env } = process.env;
    const begun = performance.now();
    const child = spawn(program, ['up', '--config', join(this.directory, 'config.yml')], {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#process = child;
    this.#ports = await this.#up(child);
    while (!(await isReady(this.#ports.ops))) {
      if (performance.now() - begun > readyWithinMs) throw new Error(`it is not ready:\n${this.#log.join('\n')}`);
      await sleep(2);
    }
    const ms = performance.now() - begun;
    this.#api = new NodeClient({ port: this.#ports.kube, pki: this.pki });
    return ms;
  }

  get api(): NodeClient {
    if (!this.#api) throw new Error('it was not started');
    return this.#api;
  }

  get ports(): Ports {
    return this.#ports;
  }

  /** The directory with `ca.crt` and `token`. */
  get pki(): string {
    return join(this.directory, 'state/pki');
  }

  /** The sum over all series of a metric whose labels contain the text. */
  async metric(name: string, labels = ''): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.#ports.ops}/metrics`)).text();
    const lines = text.split('\n').filter((line) => /^[{ ]/.test(line.slice(name.length)) && line.startsWith(name));
    return lines
      .filter((line) => line.includes(labels))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  }

  footprint(): Footprint {
    const pid = this.#process?.pid ?? 0;
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const bytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
    return { pid, rss: bytes('VmRSS'), anonymous: bytes('RssAnon'), cpu: cpuSecondsOf(pid) };
  }

  /** The next start finds no objects; keys and the compile cache stay. */
  forget(): void {
    const state = join(this.directory, 'state');
    for (const name of readdirSync(state)) if (name.startsWith('store.db')) rmSync(join(state, name));
  }

  async stop(): Promise<void> {
    this.#api?.close();
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    await exited;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }

  #up(child: ChildProcess): Promise<Ports> {
    const { stderr } = child;
    if (!stderr) throw new TypeError('the process was started without a pipe');
    return new Promise((resolve, reject) => {
      createInterface({ input: stderr }).on('line', (line) => {
        this.#log.push(line);
        if (this.#log.length > mostLogLines) this.#log.shift();
        if (line.includes('"the node is up"')) resolve(JSON.parse(line) as Ports);
      });
      child.once('exit', (code) => reject(new Error(`it ended with ${code}:\n${this.#log.join('\n')}`)));
      child.once('error', reject);
    });
  }

  #configuration(system: readonly string[]): string {
    const below = (name: string) => JSON.stringify(join(this.directory, name));
    return `
token_id: ${this.token.id}
token: ${this.token.secret}
api: { host: 127.0.0.1, port: 0 }
system:
  root_directory: ${below('root')}
  log_directory: ${below('log')}
  data: ${below('volumes')}
  archive_directory: ${below('archives')}
  backup_directory: ${below('backups')}
  tmp_directory: ${below('tmp')}
  username: ${userInfo().username}
  user: { passwd: { enable: false } }
  machine_id: { enable: true, directory: ${below('machine-id')} }
  enable_log_rotate: false
${system.map((line) => `  ${line}\n`).join('')}docker:
  network: { name: none, network_mode: none }
remote: ${JSON.stringify(this.#remote)}
`;
  }

  #settings(): string {
    return `
flavour: pelican
nodeName: ${this.nodeName}
kube: { host: 127.0.0.1, port: 0 }
ops: { host: 127.0.0.1, port: 0 }
store:
  path: ${JSON.stringify(join(this.directory, 'state/store.db'))}
`;
  }
}

/** Seconds that all threads of the process have worked. */
export function cpuSecondsOf(pid: number): number {
  // Behind the name, which may contain anything: utime and stime are the 12th and 13th, in ticks of 10 ms.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function isReady(port: number): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
  await answer.body?.cancel();
  return answer.ok;
}
