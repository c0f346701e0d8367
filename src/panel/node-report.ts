// What the Node object says of the Panel: whether it answers, since when not, and how old the configuration is that the
// node works with. Written when it changes, and looked at once a minute, because anybody may write that status.
import { type Clock, timestamp } from '../clock/clock.ts';
import { setCondition } from '../resources/conditions.ts';
import type { Node } from '../resources/node.ts';
import type { Condition } from '../resources/object.ts';
import { mutateStatus } from '../runtime/status.ts';
import type { Store } from '../store/store.ts';
import type { Logger } from '../telemetry/log.ts';

export interface NodeReportOptions {
  store: Store;
  nodeName: string;
  clock: Clock;
  log: Logger;
}

export interface PanelFacts {
  /** undefined: not asked yet. */
  reachable: boolean | undefined;
  /** Why it is not, in one word. */
  reason: 'Unreachable' | 'Refused';
  error: string;
  /** Of the last complete list, RFC 3339; also from before this daemon. */
  listedAt: string | undefined;
  servers: number;
  unlisted: number;
  refused: number;
}

const lookAgainMs = 60_000;
const noNodeYetMs = 1_000;

export class NodeReport {
  readonly #options: NodeReportOptions;
  #facts: PanelFacts | undefined;
  #cancel: (() => void) | undefined;
  #writing: Promise<void> | undefined;
  #stopped = false;

  constructor(options: NodeReportOptions) {
    this.#options = options;
  }

  /** When the last complete list was taken, by an earlier daemon too. */
  async lastListedAt(): Promise<string | undefined> {
    const node = await this.#options.store.get<Node>('Node', this.#options.nodeName);
    return node?.status?.panel?.listedAt;
  }

  /** Writes in the background, the newest facts last. */
  set(facts: PanelFacts): void {
    this.#facts = facts;
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#writing;
  }

  #schedule(ms: number): void {
    this.#cancel?.();
    if (this.#stopped) return;
    this.#cancel = this.#options.clock.after(ms, () => {
      this.#writing = (this.#writing ?? Promise.resolve()).then(() => this.#write());
    });
  }

  async #write(): Promise<void> {
    const { store, nodeName, clock, log } = this.#options;
    const facts = this.#facts;
    if (!facts || this.#stopped) return;
    let next = lookAgainMs;
    try {
      const { listedAt, servers, unlisted, refused } = facts;
      const node = await mutateStatus<Node>(store, 'Node', nodeName, (status, { metadata }) => {
        status.conditions ??= [];
        const finding = { ...conditionOf(facts), observedGeneration: metadata.generation };
        setCondition(status.conditions, finding, timestamp(clock));
        status.panel = { ...(listedAt === undefined ? {} : { listedAt }), servers, unlisted, refused };
      });
      // The node makes its object a moment after the start.
      if (!node) next = noNodeYetMs;
    } catch (error) {
      log.warn({ err: error }, 'what the node says of its Panel could not be written');
    }
    if (facts === this.#facts) this.#schedule(next);
  }
}

/** Pure. */
export function conditionOf(facts: PanelFacts): Omit<Condition, 'lastTransitionTime'> {
  const { reachable, reason, error } = facts;
  const type = 'PanelReachable';
  if (reachable) return { type, status: 'True', reason: 'Answers', message: `The Panel answers. ${freshness(facts)}` };
  if (reachable === undefined)
    return {
      type,
      status: 'Unknown',
      reason: 'NotAskedYet',
      message: `The Panel has not been asked yet. ${freshness(facts)}`,
    };
  return { type, status: 'False', reason, message: `${sentence(error)} ${freshness(facts)}` };
}

function freshness({ reachable, listedAt, servers }: PanelFacts): string {
  if (listedAt === undefined) return 'It has never listed the servers of this node.';
  const count = servers === 1 ? 'one server' : `${servers} servers`;
  if (reachable) return `It listed ${count} at ${listedAt}.`;
  return `The node works with what it said at ${listedAt}.`;
}

function sentence(error: string): string {
  const text = error.slice(0, 600);
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`;
}
