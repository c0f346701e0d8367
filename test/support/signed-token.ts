// A token as a Panel signs it, made without the daemon's code.
import { createHmac } from 'node:crypto';

export const nodeSecret = 'the-secret-token-of-this-node';

export function signedToken(claims: Record<string, unknown>, secret = nodeSecret): string {
  const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${segment({ typ: 'JWT', alg: 'HS256' })}.${segment(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}
