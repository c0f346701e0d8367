// What this node must remember about tokens over a restart: which are revoked, and whether the Panel states scopes. A
// revocation counts at once and is on disk when its promise resolves. When the file is lost or unreadable nobody knows
// any more what was revoked: then every token from before that moment is denied, and clients fetch a new one.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Clock } from '../../clock/clock.ts';
import type { Logger } from '../../telemetry/log.ts';
import { writeDurable } from '../../volumes/write-durable.ts';
import { sharedSave } from './shared-save.ts';
import { maxLifetimeSeconds } from './token.ts';

export interface RevocationsOptions {
  /** In a directory that only the daemon may write. */
  path: string;
  clock: Clock;
  log: Logger;
  /** Entries of all lists; beyond, the oldest is replaced by denying everything as old as it. */
  maxEntries?: number;
}

/** What of a token a revocation can name. */
export interface TokenIdentity {
  jti: string;
  serverUuid: string;
  userUuid: string;
  /** Seconds since the epoch. */
  issuedAt: number;
}

/** Times are seconds since the epoch; a token issued at that second or before is denied. */
interface Content {
  version: 1;
  /** Whatever was issued before is denied. */
  notBefore: number;
  scopesRequired: boolean;
  /** By what they name: `jti <id>`, `jti sha256 <digest>` for one that is long, `user <user> <server>`, `user <user> *`. */
  denied: [name: string, at: number][];
}

const defaultMaxEntries = 10_000;

/** Characters of a jti that is remembered as it is: those of the Panels have at most 64. */
const longestId = 256;

export class Revocations {
  readonly #options: RevocationsOptions;
  readonly #maxEntries: number;
  readonly #denied: Map<string, number>;
  readonly #listeners = new Set<() => void>();
  #notBefore: number;
  #scopesRequired: boolean;
  #version = 0;
  readonly #save = sharedSave(() => this.#write());

  private constructor(options: RevocationsOptions, { notBefore, scopesRequired, denied }: Content) {
    this.#options = options;
    this.#maxEntries = options.maxEntries ?? defaultMaxEntries;
    this.#notBefore = notBefore;
    this.#scopesRequired = scopesRequired;
    this.#denied = new Map(denied);
  }

  /** @throws what the system says when the file can be neither read nor written */
  static async open(options: RevocationsOptions): Promise<Revocations> {
    const content = await read(options);
    const nothing: Content = { version: 1, notBefore: seconds(options.clock), scopesRequired: false, denied: [] };
    const revocations = new Revocations(options, content ?? nothing);
    if (!content) await revocations.#save();
    return revocations;
  }

  /** Changes with every revocation: who has asked about a token needs to ask again only then. */
  get version(): number {
    return this.#version;
  }

  /** Tokens without a scope are not taken any more. */
  get scopesRequired(): boolean {
    return this.#scopesRequired;
  }

  isDenied({ jti, serverUuid, userUuid, issuedAt }: TokenIdentity): boolean {
    if (issuedAt < this.#notBefore) return true;
    const names = [nameOf(jti), `user ${userUuid} ${serverUuid}`, `user ${userUuid} *`];
    return names.some((name) => issuedAt <= (this.#denied.get(name) ?? Number.NEGATIVE_INFINITY));
  }

  /** Denies every token with one of these ids that was issued up to now. */
  denyTokens(jtis: readonly string[]): Promise<void> {
    return this.#deny(jtis.map(nameOf));
  }

  /** Denies a user's tokens, issued up to now, for these servers; an empty list means all. */
  denyUser(userUuid: string, serverUuids: readonly string[]): Promise<void> {
    const servers = serverUuids.length > 0 ? serverUuids : ['*'];
    return this.#deny(servers.map((server) => `user ${userUuid} ${server}`));
  }

  async requireScopes(): Promise<void> {
    if (this.#scopesRequired) return;
    this.#scopesRequired = true;
    await this.#save();
  }

  /** For what ends tokens without a list: every one that is in use is looked at again. */
  lookAgain(): void {
    this.#version += 1;
    for (const listener of this.#listeners) listener();
  }

  /** Calls back after each revocation, before it is on disk. The answer ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async #deny(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const now = seconds(this.#options.clock);
    for (const name of names) {
      this.#denied.delete(name);
      this.#denied.set(name, now);
    }
    this.#forget(now);
    this.lookAgain();
    await this.#save();
  }

  /** Entries are in the order of their time. What is older than any token can be names nothing any more. */
  #forget(now: number): void {
    for (const [name, at] of this.#denied) {
      const outlived = at < now - maxLifetimeSeconds;
      if (!outlived && this.#denied.size <= this.#maxEntries) return;
      this.#denied.delete(name);
      if (!outlived) this.#notBefore = Math.max(this.#notBefore, at + 1);
    }
  }

  async #write(): Promise<void> {
    const content: Content = {
      version: 1,
      notBefore: this.#notBefore,
      scopesRequired: this.#scopesRequired,
      denied: [...this.#denied],
    };
    await writeDurable(this.#options.path, `${JSON.stringify(content)}\n`);
  }
}

function nameOf(jti: string): string {
  return jti.length > longestId ? `jti sha256 ${createHash('sha256').update(jti).digest('hex')}` : `jti ${jti}`;
}

/** Undefined: there is nothing that could be trusted. */
async function read({ path, log }: RevocationsOptions): Promise<Content | undefined> {
  try {
    const content: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (isContent(content)) return content;
    log.warn({ path }, 'the list of revoked tokens is damaged; tokens from before this start are not taken');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    if (!(error instanceof SyntaxError)) throw error;
    log.warn(
      { path, err: error },
      'the list of revoked tokens is damaged; tokens from before this start are not taken',
    );
  }
  return undefined;
}

function isContent(value: unknown): value is Content {
  const { version, notBefore, scopesRequired, denied } = (value ?? {}) as Partial<Content>;
  const isEntry = (entry: unknown) =>
    Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' && Number.isSafeInteger(entry[1]);
  return (
    version === 1 &&
    Number.isSafeInteger(notBefore) &&
    typeof scopesRequired === 'boolean' &&
    Array.isArray(denied) &&
    denied.every(isEntry)
  );
}

function seconds(clock: Clock): number {
  return Math.floor(clock.now() / 1000);
}
