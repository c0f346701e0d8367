// Who is asking: the bearer of the token, or the holder of a certificate our authority signed for clients. Nobody else.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { adminGroup, adminUser } from './pki/pki.ts';
import { forbidden, StatusError, unauthorized } from './status.ts';

export interface User {
  name: string;
  groups: readonly string[];
}

export type Authenticate = (request: IncomingMessage) => User;

/**
 * The token is compared in constant time over SHA-256 digests, so neither its length nor a common prefix shows.
 * @throws Error at once when the token is empty: that would let everybody in
 */
export function authenticator(token: string): Authenticate {
  if (token === '') throw new Error('the kube API has no bearer token: remove the pki directory to have one made');
  const expected = digest(token);
  return (request) => {
    const user = fromToken(request, expected) ?? fromCertificate(request);
    if (!user) throw new StatusError(unauthorized());
    if (!user.groups.includes(adminGroup)) {
      throw new StatusError(forbidden(undefined, undefined, `User "${user.name}" is not in the group ${adminGroup}`));
    }
    return user;
  };
}

/** Undefined when there is no Authorization header. A header that is not ours is refused, whatever the certificate. */
function fromToken(request: IncomingMessage, expected: Buffer): User | undefined {
  const headers = request.headersDistinct['authorization'];
  if (headers === undefined) return undefined;
  const match = headers.length === 1 ? /^bearer +([\x21-\x7e]+) *$/i.exec(headers[0]!) : null;
  if (!match || !timingSafeEqual(digest(match[1]!), expected)) throw new StatusError(unauthorized());
  return { name: adminUser, groups: [adminGroup] };
}

function fromCertificate(request: IncomingMessage): User | undefined {
  const { socket } = request;
  // `authorized`: OpenSSL has verified the chain to our authority, the dates and the purpose.
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const subject = socket.getPeerCertificate().subject;
  const name = list(subject?.CN)[0];
  return name ? { name, groups: list(subject.O) } : undefined;
}

function list(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : Array.isArray(value) ? value : [value];
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
