// A live node with one server that has files, and its backups through the kube API: what the tests of whole backups share.
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationCompletion } from '../../src/bus/bus.ts';
import type { Config } from '../../src/config/config.ts';
import type { Backup, BackupSpec } from '../../src/resources/backup.ts';
import type { DaemonChild } from './daemon-child.ts';
import { LiveNode } from './live-node.ts';
import { ApiError } from './node-client.ts';
import type { Owner } from './owner.ts';
import { until } from './until.ts';

const path = '/apis/aileron.dev/v1/backups';
const patienceMs = 30_000;

export interface BackupNodeOptions {
  backups?: Partial<Config['system']['backups']>;
  /** Of content that does not shrink. */
  bytes?: number;
}

export class BackupNode {
  readonly node: LiveNode;
  readonly uuid: string;
  readonly server: string;
  /** All there were, the present one last. */
  readonly daemons: DaemonChild[] = [];

  private constructor(node: LiveNode, server: string, uuid: string) {
    this.node = node;
    this.server = server;
    this.uuid = uuid;
    this.daemons.push(node.daemon);
  }

  static async make(t: Owner, { backups = {}, bytes = 300_000 }: BackupNodeOptions = {}): Promise<BackupNode> {
    const node = await LiveNode.make(t, {
      change: (config) => ({
        ...config,
        system: { ...config.system, backups: { ...config.system.backups, ...backups } },
      }),
    });
    await node.start();
    const uuid = await node.add('demo');
    const root = node.volume(uuid);
    mkdirSync(join(root, 'world'), { recursive: true });
    writeFileSync(join(root, 'world', 'level.dat'), randomBytes(bytes));
    writeFileSync(join(root, 'server.properties'), 'motd=hello\n');
    writeFileSync(join(root, 'latest.log'), 'noise\n');
    return new BackupNode(node, 'demo', uuid);
  }

  async killAndStart(): Promise<void> {
    this.daemons.push(await this.node.killAndStart());
  }

  async stopAndStart(): Promise<void> {
    await this.node.daemon.stop();
    this.daemons.push(await this.node.start());
  }

  async create(name: string, spec: Partial<BackupSpec> = {}): Promise<Backup> {
    const object = {
      ...{ apiVersion: 'aileron.dev/v1', kind: 'Backup', metadata: { name } },
      spec: { uuid: randomUUID(), serverRef: { name: this.server }, ...spec },
    };
    return (await this.node.api.call('POST', path, object)) as Backup;
  }

  async get(name: string): Promise<Backup | undefined> {
    try {
      return (await this.node.api.call('GET', `${path}/${name}`)) as Backup;
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }

  async patch(name: string, spec: Partial<BackupSpec>): Promise<void> {
    await this.node.api.call('PATCH', `${path}/${name}`, { spec });
  }

  async delete(name: string): Promise<void> {
    await this.node.api.call('DELETE', `${path}/${name}`);
  }

  async untilGone(name: string): Promise<void> {
    await until(`${name} is gone`, patienceMs, async () => (await this.get(name)) === undefined);
  }

  async until(name: string, what: string, wanted: (backup: Backup) => boolean): Promise<Backup> {
    let last: Backup | undefined;
    try {
      return await until(what, patienceMs, async () => {
        last = await this.get(name);
        return last && wanted(last) && last;
      });
    } catch (error) {
      throw new Error(`${name}: ${what}; it is ${JSON.stringify(last?.status)}`, { cause: error });
    }
  }

  untilPhase(name: string, phase: string): Promise<Backup> {
    return this.until(name, `it is ${phase}`, ({ status }) => status?.phase === phase);
  }

  /** Files in the backup directory, relative. */
  files(): string[] {
    const directory = this.node.config.system.backupDirectory;
    if (!existsSync(directory)) return [];
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
      .sort();
  }

  archiveOf({ spec }: Backup): string {
    return join(this.node.config.system.backupDirectory, this.uuid, `${spec.uuid}.tar.gz`);
  }

  /** Names in the archive, as GNU tar lists them. @throws what tar says */
  listed(backup: Backup): string[] {
    const told = execFileSync('/bin/tar', ['-tzf', this.archiveOf(backup)], { encoding: 'utf8' });
    return told.split('\n').filter(Boolean).sort();
  }

  /** Of all daemons. */
  completions(): OperationCompletion[] {
    return this.daemons.flatMap((daemon) => daemon.completions(this.uuid));
  }
}

/** Processes of jobs that a daemon has started. */
export function jobsOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => {
      try {
        const [, , , parent] = readFileSync(`/proc/${one}/stat`, 'utf8')
          .replace(/\(.*\)/, '()')
          .split(' ');
        return Number(parent) === pid && readFileSync(`/proc/${one}/cmdline`, 'utf8').includes('job-child');
      } catch {
        return false; // Gone meanwhile.
      }
    });
}
