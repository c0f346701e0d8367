// Everything a console socket says when something is not as it should be: texts, close codes, and how a text is wrapped.
// Both Panels search in these texts, so they are exact; nothing else of an error reaches the outside.
import { randomUUID } from 'node:crypto';
import { DockerError, DockerUnreachableError } from '../../docker/engine.ts';
import { ForbiddenError, PowerConflictError } from '../../resources/errors.ts';
import { powerBusyText, suspendedText } from '../../resources/power.ts';

/** Texts of `jwt error`. */
export const tokenErrors = {
  none: 'jwt: no jwt present',
  malformed: 'jwt: malformed token',
  signature: 'jwt: HMAC verification failed',
  expired: 'jwt: exp claim is invalid',
  notYetValid: 'jwt: nbf claim is invalid',
  denied: 'jwt: created too far in past (denylist)',
  noConnect: 'jwt: missing connect permission',
  otherServer: 'jwt: server uuid mismatch',
  issuer: 'jwt: iss claim is invalid',
  audience: 'jwt: aud claim is invalid',
} as const;

export type TokenErrorText = (typeof tokenErrors)[keyof typeof tokenErrors];

/** The token cannot be taken; the message is for the client. */
export class TokenError extends Error {
  readonly text: TokenErrorText;
  constructor(text: TokenErrorText, options?: ErrorOptions) {
    super(text, options);
    this.name = 'TokenError';
    this.text = text;
  }
}

/** Texts of `daemon error`. */
export const daemonErrors = {
  running: 'server is running',
  unknownAction: 'attempting to handle unknown power action',
  generic: 'an unexpected error was encountered while handling this request',
} as const;

/** Why a request on a socket was refused or failed, in words that an administrator may read. */
export class SocketRequestError extends Error {
  constructor(text: string, options?: ErrorOptions) {
    super(text, options);
    this.name = 'SocketRequestError';
  }
}

/** Their messages were written for people and name nothing of the machine. */
const explained = [SocketRequestError, PowerConflictError, ForbiddenError, DockerError, DockerUnreachableError];

/** `real` is for the log, `shown` for the client: only administrators get more than that something went wrong. */
export function explain(error: unknown, toAdministrator: boolean): { real: string; shown: string; suspended: boolean } {
  const real = error instanceof Error ? error.message : String(error);
  const isTold = real === powerBusyText || (toAdministrator && explained.some((type) => error instanceof type));
  const suspended = error instanceof PowerConflictError && real === suspendedText;
  return { real, shown: isTold ? real : daemonErrors.generic, suspended };
}

/** Answers the text for the client and the id under which the log has the cause. */
export function wrapped(text: string): { id: string; text: string } {
  const id = randomUUID();
  return { id, text: `Error Event [${id}]: ${text}` };
}

/** Why a socket is closed. A client library reconnects for ever on all codes but 1000 and 1005. */
export const closings = {
  suspended: { code: 4409, reason: 'server is suspended' },
  deleted: { code: 1000, reason: 'server deleted' },
  stopping: { code: 1012, reason: 'service restart' },
  noToken: { code: 1008, reason: 'authentication timeout' },
  unfinished: { code: 1008, reason: 'message not finished in time' },
  tooSlow: { code: 1013, reason: 'connection is too slow' },
  tooMany: { code: 1013, reason: 'too many open connections' },
} as const;

export type Closing = (typeof closings)[keyof typeof closings];
