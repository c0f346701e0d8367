// What the pretended Panel has in its database, and the rules by which reports change it.
import { randomUUID } from 'node:crypto';
import type { Flavour } from '../../../src/config/config.ts';
import { type RecordParts, serverRecord } from './server-record.ts';

export type ServerStatus =
  | null
  | 'installing'
  | 'install_failed'
  | 'reinstall_failed'
  | 'restoring_backup'
  | 'suspended';

export interface PanelNode {
  id: number;
  tokenId: string;
  token: string;
}

export interface PanelServer {
  id: number;
  uuid: string;
  nodeId: number;
  status: ServerStatus;
  parts: RecordParts;
  /** Sent instead of a record that is made of `parts`, for records that no Panel would send. */
  raw?: unknown;
  installedAt?: number;
  /** What the daemon pushed last (Pelican). */
  containerStatus?: string;
  /** An open transfer to that node. */
  transferTo?: number;
  install: { container_image: string; entrypoint: string; script: string | null };
}

export interface PanelBackup {
  uuid: string;
  server: string;
  adapter: 'wings' | 's3';
  isSuccessful: boolean;
  isLocked: boolean;
  checksum: string | null;
  bytes: number;
  completedAt: number | null;
  /** Rows of a transaction that is still open: the remote API does not see them. */
  committed: boolean;
}

export interface PanelUser {
  uuid: string;
  name: string;
  password?: string;
  /** Lines as in authorized_keys, without a comment. */
  keys?: string[];
  /** By uuid of the server. */
  permissions: Record<string, string[]>;
}

export class PanelState {
  readonly flavour: Flavour;
  readonly nodes: PanelNode[] = [];
  readonly servers = new Map<string, PanelServer>();
  readonly backups = new Map<string, PanelBackup>();
  readonly users: PanelUser[] = [];
  /** Entries of activity that were kept, in order. */
  readonly activity: Record<string, unknown>[] = [];
  /** Restores and installs of which users were told, in order. */
  readonly notices: string[] = [];
  #ids = 0;

  constructor(flavour: Flavour) {
    this.flavour = flavour;
  }

  addNode(): PanelNode {
    const id = this.nodes.length + 1;
    const node = { id, tokenId: `node${id}Token000000`.slice(0, 16), token: `${id}`.repeat(64) };
    this.nodes.push(node);
    return node;
  }

  addServer(parts: RecordParts & { uuid?: string; node?: PanelNode; status?: ServerStatus } = {}): PanelServer {
    const { uuid = randomUUID(), node = this.nodes[0], status = null, ...others } = parts;
    if (!node) throw new Error('the Panel has no node');
    this.#ids += 1;
    const server: PanelServer = {
      id: this.#ids,
      uuid,
      nodeId: node.id,
      status,
      parts: others,
      install: { container_image: 'installer:1', entrypoint: 'ash', script: '#!/bin/ash\r\necho hello\r\n' },
    };
    this.servers.set(uuid, server);
    return server;
  }

  addBackup(server: string, parts: Partial<PanelBackup> = {}): PanelBackup {
    const backup: PanelBackup = {
      uuid: randomUUID(),
      server,
      adapter: 'wings',
      isSuccessful: false,
      isLocked: false,
      checksum: null,
      bytes: 0,
      completedAt: null,
      committed: true,
      ...parts,
    };
    this.backups.set(backup.uuid, backup);
    return backup;
  }

  /** As `GET /servers/{uuid}` tells it. */
  recordOf(server: PanelServer): unknown {
    if (server.raw !== undefined) return server.raw;
    const { id, uuid, status, parts } = server;
    return serverRecord(this.flavour, { id, uuid, suspended: status === 'suspended', ...parts });
  }

  serversOf(node: PanelNode): PanelServer[] {
    return [...this.servers.values()].filter(({ nodeId }) => nodeId === node.id);
  }

  /** Answers how many were set free. */
  reset(node: PanelNode): number {
    const busy = this.serversOf(node).filter(({ status }) => status === 'installing' || status === 'restoring_backup');
    for (const server of busy) server.status = null;
    return busy.length;
  }

  installed(server: PanelServer, { successful, reinstall }: { successful: boolean; reinstall: boolean }): void {
    server.installedAt = Date.now();
    this.notices.push(`install ${server.uuid} ${successful}`);
    if (server.status === 'suspended') return;
    server.status = successful ? null : reinstall ? 'reinstall_failed' : 'install_failed';
  }
}
