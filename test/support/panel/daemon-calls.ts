// What a Panel asks of a daemon, with the headers and the patience of the real ones. Pelican takes a failed answer for a
// node that cannot be reached, unless its `User-Agent` header names this very node.
import type { Flavour } from '../../../src/config/config.ts';
import type { PanelNode, PanelServer, PanelState } from './panel-state.ts';

/** What Guzzle gives a call. */
const patienceMs = 15_000;

/** The daemon answered, and not with a success. */
export class DaemonRefusal extends Error {
  readonly status: number;
  readonly text: string;
  constructor(status: number, text: string) {
    super(`the daemon answered ${status}: ${text}`);
    this.status = status;
    this.text = text;
  }
}

/** No answer, or none that Pelican takes for one of its node. */
export class NodeUnreachable extends Error {}

export class DaemonCalls {
  readonly #url: string;
  readonly #flavour: Flavour;
  readonly #node: PanelNode;

  constructor(url: string, flavour: Flavour, node: PanelNode) {
    this.#url = url;
    this.#flavour = flavour;
    this.#node = node;
  }

  /** Answers what was parsed of the body; undefined when there was none. @throws DaemonRefusal, NodeUnreachable */
  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      headers: {
        Authorization: `Bearer ${this.#node.token}`,
        Accept: 'application/json',
        'Content-Type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(patienceMs),
    }).catch((error: unknown) => {
      throw new NodeUnreachable('the daemon gave no answer', { cause: error });
    });
    const text = await response.text();
    if (this.#flavour === 'pelican' && (!response.ok || path.startsWith('/api/system')))
      this.#checkAgent(response.headers.get('user-agent'));
    if (!response.ok) throw new DaemonRefusal(response.status, text);
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  }

  system(): Promise<unknown> {
    return this.call('GET', '/api/system');
  }

  details(server: string): Promise<unknown> {
    return this.call('GET', `/api/servers/${server}`);
  }

  power(server: string, action: 'start' | 'stop' | 'restart' | 'kill'): Promise<unknown> {
    return this.call('POST', `/api/servers/${server}/power`, { action });
  }

  command(server: string, ...commands: string[]): Promise<unknown> {
    return this.call('POST', `/api/servers/${server}/commands`, { commands });
  }

  sync(server: string): Promise<unknown> {
    return this.call('POST', `/api/servers/${server}/sync`);
  }

  deleteBackup(server: string, backup: string): Promise<unknown> {
    return this.call('DELETE', `/api/servers/${server}/backup/${backup}`);
  }

  /** The row stays when the daemon takes it, and goes when it does not. */
  async createServer(state: PanelState, server: PanelServer, startOnCompletion = false): Promise<void> {
    server.status = 'installing';
    try {
      await this.call('POST', '/api/servers', { uuid: server.uuid, start_on_completion: startOnCompletion });
    } catch (error) {
      if (this.#flavour === 'pterodactyl' || error instanceof NodeUnreachable) state.servers.delete(server.uuid);
      throw error;
    }
  }

  /** Inside a transaction: the new status is not seen by the remote API before the daemon has answered. */
  async reinstall(server: PanelServer): Promise<void> {
    await this.call('POST', `/api/servers/${server.uuid}/reinstall`);
    server.status = 'installing';
  }

  /** Inside a transaction, as `reinstall`. Answers the uuid of the backup. */
  async backup(state: PanelState, server: string, ignore = ''): Promise<string> {
    const backup = state.addBackup(server, { committed: false });
    try {
      await this.call('POST', `/api/servers/${server}/backup`, { adapter: 'wings', uuid: backup.uuid, ignore });
    } catch (error) {
      state.backups.delete(backup.uuid);
      throw error;
    }
    backup.committed = true;
    return backup.uuid;
  }

  /** Inside a transaction, as `reinstall`. */
  async restore(server: PanelServer, backup: string, truncate = false): Promise<void> {
    // Pelican fills the link also where it must not be used.
    const url = this.#flavour === 'pelican' ? `${this.#url}/download/backup?token=x` : '';
    const body = { adapter: 'wings', truncate_directory: truncate, download_url: url };
    await this.call('POST', `/api/servers/${server.uuid}/backup/${backup}/restore`, body);
    server.status = 'restoring_backup';
  }

  async suspend(server: PanelServer, suspended = true): Promise<void> {
    server.status = suspended ? 'suspended' : null;
    await this.sync(server.uuid);
  }

  /** 404 counts as gone. */
  async deleteServer(state: PanelState, server: string): Promise<void> {
    await this.call('DELETE', `/api/servers/${server}`).catch((error: unknown) => {
      if (!(error instanceof DaemonRefusal) || error.status !== 404) throw error;
    });
    state.servers.delete(server);
  }

  #checkAgent(agent: string | null): void {
    const id = /^Pelican Wings\/v(?:\d+\.\d+\.\d+|develop) \(id:(\w*)\)$/.exec(agent ?? '')?.[1];
    if (!agent || (id !== undefined && id !== this.#node.tokenId))
      throw new NodeUnreachable(`the answer names itself ${JSON.stringify(agent)}`);
  }
}
