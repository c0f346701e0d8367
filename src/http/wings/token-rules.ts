// Whether a genuine token may do now what it is shown for: hold a console socket of a server, or open a link once. Of a
// socket it is asked at `auth`, for each message that comes in, and before each that goes out: time passes, and
// revocations come, while a socket is open.
import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import { connectPermission, permits } from './permissions.ts';
import type { Revocations } from './revocations.ts';
import { type TokenErrorText, tokenErrors } from './socket-errors.ts';
import { type Claims, keyName, maxLifetimeSeconds, ownIssuer } from './token.ts';
import { namesNode, namesPanel } from './token-addresses.ts';
import { purposeOf, type TokenPurpose } from './token-purpose.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A Panel's clock may be ahead by so much, seconds. */
const clockToleranceSeconds = 60;

export interface TokenRulesOptions {
  revocations: Revocations;
  clock: Clock;
  /** The node's token as it is now. */
  secret: () => string;
  /** URL of the Panel. */
  remote: () => string;
  /** Whether tokens without a scope are taken. */
  unscoped: Config['aileron']['unscopedTokens'];
  /** What becomes of tokens that name another Panel or another address of this node. */
  foreign: Config['aileron']['foreignTokens'];
  onForeign?: (claim: 'iss' | 'aud') => void;
}

export class TokenRules {
  readonly #options: TokenRulesOptions;

  constructor(options: TokenRulesOptions) {
    this.#options = options;
  }

  /** Why the token is not taken for this server, in the order a Panel expects; undefined: it is. */
  objection(claims: Claims, serverUuid: string): TokenErrorText | undefined {
    const untimely = this.untimely(claims);
    if (untimely) return untimely;
    if (this.isDenied(claims)) return tokenErrors.denied;
    if (!permits(claims.permissions, connectPermission) || !this.isFor('websocket', claims))
      return tokenErrors.noConnect;
    return claims.serverUuid === serverUuid ? undefined : tokenErrors.otherServer;
  }

  /** Too old, too early, or made to live too long. */
  untimely({ issuedAt, expiresAt, notBefore }: Claims): TokenErrorText | undefined {
    const now = Math.floor(this.#options.clock.now() / 1000);
    if (expiresAt === undefined || now > expiresAt) return tokenErrors.expired;
    if (issuedAt !== undefined && expiresAt - issuedAt > maxLifetimeSeconds) return tokenErrors.expired;
    return notBefore === undefined || notBefore > now + clockToleranceSeconds ? tokenErrors.notYetValid : undefined;
  }

  /**
   * Why a token that nothing else speaks against is not taken. A Panel may be known by several addresses, and so may this
   * node: unless the settings say otherwise, it is only counted. @param host as the request states it
   */
  foreignness(claims: Claims, host: string | undefined): TokenErrorText | undefined {
    const { remote, foreign, onForeign } = this.#options;
    if (claims.issuer === ownIssuer) return undefined;
    const strange = [
      ...(namesPanel(claims, remote()) ? [] : (['iss'] as const)),
      ...(namesNode(claims, host) ? [] : (['aud'] as const)),
    ];
    for (const claim of strange) onForeign?.(claim);
    if (foreign === 'count' || strange[0] === undefined) return undefined;
    return strange[0] === 'iss' ? tokenErrors.issuer : tokenErrors.audience;
  }

  /** What a revocation could not name is denied like what one does, and so is what another token of the node signed. */
  isDenied({ jti, issuedAt, serverUuid, userUuid, key }: Claims): boolean {
    const { revocations, secret } = this.#options;
    if (issuedAt === undefined || jti === '' || !uuidPattern.test(serverUuid) || !uuidPattern.test(userUuid))
      return true;
    return key !== keyName(secret()) || revocations.isDenied({ jti, issuedAt, serverUuid, userUuid });
  }

  /** Call for each token that was taken. A Panel that states scopes does so always: from then on it must. */
  async took({ scopes, issuer }: Claims): Promise<void> {
    if (scopes !== undefined && issuer !== ownIssuer) await this.#options.revocations.requireScopes();
  }

  /** By its scope; a token without one, as older Panels make them, by its shape. */
  isFor(purpose: TokenPurpose, { scopes, stated }: Claims): boolean {
    if (scopes !== undefined) return scopes.includes(purpose);
    const { unscoped, revocations } = this.#options;
    if (unscoped === 'never' || (unscoped === 'untilScoped' && revocations.scopesRequired)) return false;
    return purposeOf(stated) === purpose;
  }
}
