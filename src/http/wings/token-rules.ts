// Whether a genuine token may do now what it is shown for: hold a console socket of a server, or open a link once. Of a
// socket it is asked at `auth`, for each message that comes in, and before each that goes out: time passes, and
// revocations come, while a socket is open.
import type { Clock } from '../../clock/clock.ts';
import type { Config } from '../../config/config.ts';
import { connectPermission, permits } from './permissions.ts';
import type { Revocations } from './revocations.ts';
import { type TokenErrorText, tokenErrors } from './socket-errors.ts';
import { type Claims, maxLifetimeSeconds, ownIssuer } from './token.ts';
import { purposeOf, type TokenPurpose } from './token-purpose.ts';

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A Panel's clock may be ahead by so much, seconds. */
const clockToleranceSeconds = 60;

export interface TokenRulesOptions {
  revocations: Revocations;
  clock: Clock;
  /** Whether tokens without a scope are taken. */
  unscoped: Config['aileron']['unscopedTokens'];
}

export class TokenRules {
  readonly #revocations: Revocations;
  readonly #clock: Clock;
  readonly #unscoped: TokenRulesOptions['unscoped'];

  constructor({ revocations, clock, unscoped }: TokenRulesOptions) {
    this.#revocations = revocations;
    this.#clock = clock;
    this.#unscoped = unscoped;
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
    const now = Math.floor(this.#clock.now() / 1000);
    if (expiresAt === undefined || now > expiresAt) return tokenErrors.expired;
    if (issuedAt !== undefined && expiresAt - issuedAt > maxLifetimeSeconds) return tokenErrors.expired;
    return notBefore === undefined || notBefore > now + clockToleranceSeconds ? tokenErrors.notYetValid : undefined;
  }

  /** What a revocation could not name is denied like what one does. */
  isDenied({ jti, issuedAt, serverUuid, userUuid }: Claims): boolean {
    if (issuedAt === undefined || jti === '' || !uuidPattern.test(serverUuid) || !uuidPattern.test(userUuid))
      return true;
    return this.#revocations.isDenied({ jti, issuedAt, serverUuid, userUuid });
  }

  /** Call for each token that was taken. A Panel that states scopes does so always: from then on it must. */
  async took({ scopes, issuer }: Claims): Promise<void> {
    if (scopes !== undefined && issuer !== ownIssuer) await this.#revocations.requireScopes();
  }

  /** By its scope; a token without one, as older Panels make them, by its shape. */
  isFor(purpose: TokenPurpose, { scopes, stated }: Claims): boolean {
    if (scopes !== undefined) return scopes.includes(purpose);
    if (this.#unscoped === 'never' || (this.#unscoped === 'untilScoped' && this.#revocations.scopesRequired))
      return false;
    return purposeOf(stated) === purpose;
  }
}
