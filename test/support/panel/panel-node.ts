// A daemon in this process that belongs to a Panel stand-in: the real store, doors and controllers over a Docker in memory.
import { join } from 'node:path';
import { systemClock } from '../../../src/clock/clock.ts';
import type { Config } from '../../../src/config/config.ts';
import { type Daemon, startDaemon } from '../../../src/main.ts';
import { findCondition } from '../../../src/resources/conditions.ts';
import type { Node } from '../../../src/resources/node.ts';
import { FakeDocker } from '../fake-docker.ts';
import { NodeClient } from '../node-client.ts';
import { nodeConfig, temporaryDirectory } from '../node-config.ts';
import type { Owner } from '../owner.ts';
import { type RecordedLog, recordedLog } from '../recorded-log.ts';
import { until } from '../until.ts';
import type { PanelStandIn } from './panel-stand-in.ts';

const patienceMs = 20_000;

export class PanelNode {
  readonly docker = new FakeDocker({ clock: systemClock });
  readonly log: RecordedLog = recordedLog();
  readonly config: Config;
  #daemon: Daemon | undefined;
  #api: NodeClient | undefined;

  private constructor(config: Config) {
    this.config = config;
  }

  static async make(owner: Owner, panel: PanelStandIn, change: (config: Config) => Config = (same) => same) {
    const base = nodeConfig(temporaryDirectory({ after: (end) => void owner.after(end as () => unknown) }));
    const { tokenId: id, token: secret } = panel.node;
    const node = new PanelNode(
      change({ ...base, flavour: panel.state.flavour, remote: panel.url, token: { id, secret } }),
    );
    owner.after(() => node.stop());
    return node;
  }

  get api(): NodeClient {
    if (!this.#api) throw new Error('no daemon was started');
    return this.#api;
  }

  get daemon(): Daemon {
    if (!this.#daemon) throw new Error('no daemon was started');
    return this.#daemon;
  }

  async start(): Promise<void> {
    const { docker, config } = this;
    this.#daemon = await startDaemon(config, this.log, { docker });
    this.#api = new NodeClient({ port: this.#daemon.kube.port, pki: join(config.aileron.store.path, '..', 'pki') });
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    this.#api?.close();
    await daemon?.stop();
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** `readyz?verbose` */
  async ready(): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.daemon.ops.port}/readyz?verbose`);
    return { status: response.status, text: await response.text() };
  }

  async untilServers(count: number): Promise<void> {
    await until(
      `there are ${count} servers`,
      patienceMs,
      async () => (await this.api.list('servers')).length === count,
    );
  }

  async untilReachable(status: 'True' | 'False'): Promise<string> {
    return until(`PanelReachable is ${status}`, patienceMs, async () => {
      const [node] = (await this.api.list('nodes')) as Node[];
      const found = findCondition(node?.status?.conditions, 'PanelReachable');
      return found?.status === status && `${found.reason}: ${found.message}`;
    });
  }
}
