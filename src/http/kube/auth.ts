// Who is asking: the bearer of the token, or the holder of a certificate our authority signed for clients. Nobody else.
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { type Bearing, bearerOf } from '../bearer.ts';
import { adminGroup, adminUser } from './pki/pki.ts';
import { forbidden, StatusError, unauthorized } from './status.ts';

export interface User {
  name: string;
  groups: readonly string[];
}

export type Authenticate = (request: IncomingMessage) => User;

/** @throws Error at once when the token is empty */
export function authenticator(token: string): Authenticate {
  const bearing = bearerOf(token);
  return (request) => {
    const user = fromToken(bearing(request)) ?? fromCertificate(request);
    if (!user) throw new StatusError(unauthorized());
    if (!user.groups.includes(adminGroup)) {
      throw new StatusError(forbidden(undefined, undefined, `User "${user.name}" is not in the group ${adminGroup}`));
    }
    return user;
  };
}

/** Undefined when there is no Authorization header. A header that is not ours is refused, whatever the certificate. */
function fromToken(bearing: Bearing): User | undefined {
  if (bearing === 'absent') return undefined;
  if (bearing === 'wrong') throw new StatusError(unauthorized());
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
