// Which one-time tokens were used, over a restart too. A use counts at once and is on disk when its promise resolves. When
// the file is lost or damaged nobody knows any more what was used: then tokens from before that moment are refused.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../clock/clock.ts';
import type { Logger } from '../../telemetry/log.ts';
import { writeDurable } from '../../volumes/write-durable.ts';
import { sharedSave } from './shared-save.ts';
import { maxLifetimeSeconds } from './token.ts';

export interface UsedTokensOptions {
  /** In a directory that only the daemon may write. */
  path: string;
  clock: Clock;
  log: Logger;
  /** Tokens remembered at one time; beyond, no new one is taken until old ones have run out. */
  maxEntries?: number;
}

/** What of a token its use depends on. Times are seconds since the epoch. */
export interface OneTimeToken {
  uniqueId: string;
  issuedAt: number;
  expiresAt: number;
}

interface Use {
  count: number;
  /** Seconds since the epoch; from then on the token is refused for its age. */
  until: number;
}

interface Content {
  version: 1;
  /** Whatever was issued before is refused. */
  notBefore: number;
  used: [digest: string, count: number, until: number][];
}

/** Bytes in memory and on disk: about 100 each. */
const defaultMaxEntries = 50_000;

/** Looked for entries that have run out when this many seconds have passed. */
const sweepSeconds = 60;

export class UsedTokens {
  readonly #options: UsedTokensOptions;
  readonly #maxEntries: number;
  readonly #uses: Map<string, Use>;
  readonly #notBefore: number;
  #sweptAt: number;
  readonly #save = sharedSave(() => this.#write());

  private constructor(options: UsedTokensOptions, { notBefore, used }: Content) {
    this.#options = options;
    this.#maxEntries = options.maxEntries ?? defaultMaxEntries;
    this.#notBefore = notBefore;
    this.#uses = new Map(used.map(([digest, count, until]) => [digest, { count, until }]));
    this.#sweptAt = seconds(options.clock);
  }

  /** @throws what the system says when the file can be neither read nor written */
  static async open(options: UsedTokensOptions): Promise<UsedTokens> {
    const content = await read(options);
    const tokens = new UsedTokens(options, content ?? { version: 1, notBefore: seconds(options.clock), used: [] });
    if (!content) await tokens.#save();
    return tokens;
  }

  /**
   * Answers whether this was one of the first `most` uses; then it counts, whatever becomes of the request. Of two at the
   * same time one is the first. @throws what the system says when it could not be stored
   */
  async use({ uniqueId, issuedAt, expiresAt }: OneTimeToken, most = 1): Promise<boolean> {
    const now = seconds(this.#options.clock);
    this.#sweep(now);
    if (uniqueId === '' || issuedAt < this.#notBefore) return false;
    const digest = createHash('sha256').update(uniqueId).digest('base64url');
    const count = (this.#uses.get(digest)?.count ?? 0) + 1;
    if (count > most || (count === 1 && this.#uses.size >= this.#maxEntries)) return false;
    // A second more, for the second that a token has left when it runs out.
    const until = Math.min(Math.max(expiresAt, now), now + maxLifetimeSeconds) + 1;
    this.#uses.set(digest, { count, until });
    await this.#save();
    return true;
  }

  #sweep(now: number): void {
    if (now < this.#sweptAt + sweepSeconds && this.#uses.size < this.#maxEntries) return;
    this.#sweptAt = now;
    for (const [digest, { until }] of this.#uses) if (until < now) this.#uses.delete(digest);
  }

  async #write(): Promise<void> {
    const used = [...this.#uses].map(([digest, { count, until }]): Content['used'][number] => [digest, count, until]);
    const content: Content = { version: 1, notBefore: this.#notBefore, used };
    await writeDurable(this.#options.path, `${JSON.stringify(content)}\n`);
  }
}

/** Undefined: there is nothing that could be trusted. */
async function read({ path, log }: UsedTokensOptions): Promise<Content | undefined> {
  let damage: unknown;
  try {
    const content: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isContent(content)) return content;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(error instanceof SyntaxError)) throw error;
    damage = error;
  }
  log.warn({ path, err: damage }, 'the list of used links is damaged; links from before this start are not taken');
  return undefined;
}

function isContent(value: unknown): value is Content {
  const { version, notBefore, used } = (value ?? {}) as Partial<Content>;
  const isUse = (entry: unknown) =>
    Array.isArray(entry) &&
    entry.length === 3 &&
    typeof entry[0] === 'string' &&
    Number.isSafeInteger(entry[1]) &&
    Number.isSafeInteger(entry[2]);
  return version === 1 && Number.isSafeInteger(notBefore) && Array.isArray(used) && used.every(isUse);
}

function seconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}
