// A Panel stand-in and a node of it on a real Docker Engine: whole daemons, one after another, that belong to a Panel.
import type { Config, Flavour } from '../../../src/config/config.ts';
import { type Answer, type Call, httpCall } from '../http-call.ts';
import { game, LiveNode } from '../live-node.ts';
import type { NodeConfigOptions } from '../node-config.ts';
import type { Owner } from '../owner.ts';
import { until } from '../until.ts';
import type { DaemonCalls } from './daemon-calls.ts';
import { PanelStandIn } from './panel-stand-in.ts';
import type { PanelServer } from './panel-state.ts';
import type { RecordParts } from './server-record.ts';

const patienceMs = 30_000;

export interface LivePanelOptions extends NodeConfigOptions {
  flavour?: Flavour;
  change?: (config: Config) => Config;
}

export class LivePanel {
  readonly panel: PanelStandIn;
  readonly node: LiveNode;

  private constructor(panel: PanelStandIn, node: LiveNode) {
    this.panel = panel;
    this.node = node;
  }

  /** The owner has to end the newest first: the daemon before its Panel. No daemon runs yet. */
  static async make(owner: Owner, { flavour = 'pelican', change, ...options }: LivePanelOptions = {}) {
    const panel = await PanelStandIn.start(owner, { flavour });
    const { tokenId: id, token: secret } = panel.node;
    const node = await LiveNode.make(owner, {
      ...options,
      change: (base) => {
        const config: Config = { ...base, flavour, remote: panel.url, token: { id, secret } };
        return change ? change(config) : config;
      },
    });
    return new LivePanel(panel, node);
  }

  /** A game that the Panel lists for this node, with a uuid that no other test has. */
  add(parts: Partial<RecordParts> = {}): PanelServer {
    return this.panel.state.addServer({
      image: `~${this.node.image}`,
      invocation: game(),
      ...parts,
    });
  }

  /** What the Panel asks of the daemon that runs now. */
  get calls(): DaemonCalls {
    return this.panel.daemon(`http://127.0.0.1:${this.node.daemon.nodePort}`);
  }

  /** One request with the node's token, below the routes of the server. */
  ask(uuid: string, path: string, { headers, ...call }: Call = {}): Promise<Answer> {
    const authorization = `Bearer ${this.panel.node.token}`;
    return httpCall(this.node.daemon.nodePort, `/api/servers/${uuid}${path}`, {
      ...call,
      headers: { authorization, ...headers },
    });
  }

  /** The daemon has taken it up and looked at it. */
  async known(...uuids: string[]): Promise<void> {
    for (const uuid of uuids)
      await until(
        `${uuid} was looked at`,
        patienceMs,
        async () => (await this.node.api.get(uuid))?.status?.state !== undefined,
      );
  }
}
