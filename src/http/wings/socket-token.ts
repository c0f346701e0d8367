// The token that a socket holds at this moment, and what follows from its age: reminders before it runs out, silence
// after, and the end of a socket that stays without one.
import type { Clock } from '../../clock/clock.ts';
import { permits } from './permissions.ts';
import type { Revocations } from './revocations.ts';
import { type TokenErrorText, tokenErrors } from './socket-errors.ts';
import type { Claims } from './token.ts';
import type { TokenRules } from './token-rules.ts';

export interface SocketTokenOptions {
  serverUuid: string;
  rules: TokenRules;
  revocations: Revocations;
  clock: Clock;
  /** Half a minute after the first token and from then on every half minute, near the end and after it. */
  onReminder: (event: 'token expiring' | 'token expired') => void;
  /** The token was revoked while the socket held it. Once for each token. */
  onRevoked: () => void;
  /** There was no valid token for too long. */
  onTimeout: () => void;
}

/** ms for a socket to show a first token, and to show a new one when it has none any more. */
const firstTokenMs = 30_000;
const nextTokenMs = 120_000;
const reminderEveryMs = 30_000;
/** Seconds of life that are worth a reminder. */
const nearlyOver = 60;

export class SocketToken {
  readonly #options: SocketTokenOptions;
  readonly #unsubscribe: () => void;
  #claims: Claims | undefined;
  #revoked = false;
  /** Of the revocations, when the token was last looked at. */
  #judgedVersion = -1;
  #cancelTimeout: () => void;
  #cancelReminder: (() => void) | undefined;

  constructor(options: SocketTokenOptions) {
    this.#options = options;
    this.#unsubscribe = options.revocations.onChange(() => this.#checkRevocation());
    this.#cancelTimeout = options.clock.after(firstTokenMs, options.onTimeout);
  }

  get userUuid(): string {
    return this.#claims?.userUuid ?? '';
  }

  /** A token that was found valid takes the place of the present one. */
  replace(claims: Claims): void {
    const { clock } = this.#options;
    this.#claims = claims;
    this.#revoked = false;
    this.#judgedVersion = -1;
    this.#limitTime(Math.max(0, this.#expiresAtMs - clock.now()) + nextTokenMs);
    if (!this.#cancelReminder) this.#scheduleReminder();
  }

  permits(permission: string): boolean {
    return this.#claims !== undefined && permits(this.#claims.permissions, permission);
  }

  /** Why a message that came in is not dealt with; undefined: it is. */
  objection(): TokenErrorText | undefined {
    const { rules, revocations, clock, serverUuid } = this.#options;
    if (!this.#claims) return tokenErrors.none;
    // Between two revocations only time can make a valid token invalid.
    if (this.#judgedVersion === revocations.version && clock.now() < this.#expiresAtMs) return undefined;
    const objection = rules.objection(this.#claims, serverUuid);
    if (!objection) this.#judgedVersion = revocations.version;
    return objection;
  }

  /** Why nothing may go out. Stricter by the last second of a token, in which the client is told that it has run out. */
  silence(): TokenErrorText | undefined {
    if (this.#claims && this.#options.clock.now() >= this.#expiresAtMs && !this.#revoked) return tokenErrors.expired;
    return this.objection();
  }

  get revoked(): boolean {
    return this.#revoked;
  }

  close(): void {
    this.#unsubscribe();
    this.#cancelTimeout();
    this.#cancelReminder?.();
  }

  get #expiresAtMs(): number {
    return (this.#claims?.expiresAt ?? 0) * 1000;
  }

  #limitTime(ms: number): void {
    this.#cancelTimeout();
    this.#cancelTimeout = this.#options.clock.after(ms, this.#options.onTimeout);
  }

  #checkRevocation(): void {
    if (!this.#claims || this.#revoked || !this.#options.rules.isDenied(this.#claims)) return;
    this.#revoked = true;
    this.#limitTime(nextTokenMs);
    this.#options.onRevoked();
  }

  #scheduleReminder(): void {
    const { clock, onReminder } = this.#options;
    this.#cancelReminder = clock.after(reminderEveryMs, () => {
      this.#scheduleReminder();
      if (this.#revoked) return;
      const remaining = (this.#claims?.expiresAt ?? 0) - Math.floor(clock.now() / 1000);
      if (remaining <= 0) onReminder('token expired');
      else if (remaining <= nearlyOver) onReminder('token expiring');
    });
  }
}
