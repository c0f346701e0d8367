// Links that a Panel signs for a browser: each opens one thing of one server, once. What is wrong with a link is told to
// the log; the browser hears the same as from Wings.

import type { Server } from '../../resources/server.ts';
import type { Logger } from '../../telemetry/log.ts';
import { RequestRefused, refusals } from './http-errors.ts';
import type { ServerLookup } from './server-lookup.ts';
import { TokenError } from './socket-errors.ts';
import { type Claims, verifyToken } from './token.ts';
import type { TokenPurpose } from './token-purpose.ts';
import type { TokenRules } from './token-rules.ts';
import type { UsedTokens } from './used-tokens.ts';

export interface SignedLinksOptions {
  /** The node's token as it is now. */
  secret: () => string;
  rules: TokenRules;
  servers: ServerLookup;
  used: UsedTokens;
  log: Logger;
}

export interface OpenedLink {
  claims: Claims;
  server: Server;
}

export interface LinkUse {
  /** How often it may be used. */
  most: number;
  /** Of the request. */
  host: string | undefined;
}

/** What goes with every answer to a link: it is worth as much as what it opens. */
export const linkHeaders = { 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' };

export class SignedLinks {
  readonly #options: SignedLinksOptions;

  constructor(options: SignedLinksOptions) {
    this.#options = options;
  }

  /**
   * Looks at everything else before the link is used up: shown at the wrong place it still works at the right one.
   * @throws RequestRefused 401, 404
   */
  async open(token: unknown, purpose: TokenPurpose, { most, host }: LinkUse): Promise<OpenedLink> {
    const { secret, rules, servers, used, log } = this.#options;
    const refuse = (reason: string) => {
      log.debug({ reason, purpose }, 'a signed link was refused');
      return new RequestRefused(refusals.linkRefused);
    };
    const claims = await this.#verified(typeof token === 'string' ? token : '', secret());
    if (!rules.isFor(purpose, claims)) throw refuse('it is for something else');
    const server = servers.byUuid(claims.serverUuid);
    if (!server || server.metadata.deletionTimestamp) throw refuse('its server is not on this node');
    const { uniqueId, issuedAt, expiresAt } = claims;
    const foreign = rules.foreignness(claims, host);
    if (foreign) throw refuse(foreign);
    if (rules.isDenied(claims) || issuedAt === undefined || expiresAt === undefined) throw refuse('it is revoked');
    if (!(await used.use({ uniqueId, issuedAt, expiresAt }, most))) throw refuse('it was used before');
    await rules.took(claims);
    return { claims, server };
  }

  async #verified(token: string, secret: string): Promise<Claims> {
    const { rules, log } = this.#options;
    try {
      const claims = await verifyToken(token, secret);
      const untimely = rules.untimely(claims);
      if (untimely) throw new TokenError(untimely);
      return claims;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      log.debug({ reason: error.text }, 'a signed link was refused');
      throw new RequestRefused(refusals.badLink, { cause: error });
    }
  }
}
