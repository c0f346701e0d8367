// Tokens of the Panel: HS256 over the node's own token. Size and shape are judged before any library sees the text, the
// signature before any claim is used. Whether a token that is genuine serves a purpose is for token-rules.ts.
import { hash, randomUUID } from 'node:crypto';
import { compactVerify } from 'jose/jws/compact/verify';
import { SignJWT } from 'jose/jwt/sign';
import { inspectJson } from '../kube/strict-json.ts';
import { TokenError, tokenErrors } from './socket-errors.ts';

const maxTokenLength = 8 * 1024;

/** The issuer in tokens that this node made itself. */
export const ownIssuer = 'aileron';

/** What a genuine token says. Times are seconds since the epoch. */
export interface Claims {
  /** Empty when it was not stated, as all texts here. */
  jti: string;
  serverUuid: string;
  userUuid: string;
  issuer: string;
  /** For whom it is: addresses of the node as the Panel knows them. */
  audience: readonly string[];
  /** Of a token that counts once. */
  uniqueId: string;
  /** What a download is of. */
  backupUuid: string;
  filePath: string;
  /** Of a transfer: the server. */
  subject: string;
  /** Undefined when it is no whole number, as all times here. */
  issuedAt: number | undefined;
  expiresAt: number | undefined;
  notBefore: number | undefined;
  permissions: ReadonlySet<string>;
  /** Undefined: the claim is absent. */
  scopes: readonly string[] | undefined;
  /** Names of all claims; tokens without a scope are told apart by them. */
  stated: ReadonlySet<string>;
  /** `keyName` of what it is signed with. */
  key: string;
}

/** Tells one token of the node from another, and says nothing of it. */
export function keyName(secret: string): string {
  return hash('sha256', secret, 'base64url');
}

/** `secret` is the node's token as it is now. @throws TokenError */
export async function verifyToken(token: string, secret: string): Promise<Claims> {
  checkShape(token);
  let payload: Uint8Array;
  try {
    ({ payload } = await compactVerify(token, keyOf(secret), { algorithms: ['HS256'] }));
  } catch (error) {
    throw new TokenError(tokenErrors.signature, { cause: error });
  }
  return claimsOf(jsonObject(Buffer.from(payload)), keyName(secret));
}

export interface MintOptions {
  /** The node's token. */
  secret: string;
  serverUuid: string;
  userUuid: string;
  permissions: readonly string[];
  /** Lifetime in seconds, at most an hour. */
  ttlSeconds: number;
  /** Wall clock, ms. */
  now: number;
}

/** A token for the console of one server, as a Panel would make it. @throws RangeError */
export async function mintToken({
  secret,
  serverUuid,
  userUuid,
  permissions,
  ttlSeconds,
  now,
}: MintOptions): Promise<string> {
  if (!(ttlSeconds > 0 && ttlSeconds <= maxLifetimeSeconds)) {
    throw new RangeError(`a token lives from 1 to ${maxLifetimeSeconds} seconds, not ${ttlSeconds}`);
  }
  const issuedAt = Math.floor(now / 1000);
  const claims = { server_uuid: serverUuid, user_uuid: userUuid, permissions: [...permissions], scope: 'websocket' };
  return new SignJWT(claims)
    .setProtectedHeader({ typ: 'JWT', alg: 'HS256' })
    .setIssuer(ownIssuer)
    .setJti(randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + Math.ceil(ttlSeconds))
    .sign(keyOf(secret));
}

/** No token is taken that lives longer: revocations are remembered as long. */
export const maxLifetimeSeconds = 3_600;

function keyOf(secret: string): Uint8Array {
  return Buffer.from(secret, 'utf8');
}

function checkShape(token: string): void {
  if (token.length > maxTokenLength) throw new TokenError(tokenErrors.malformed);
  const parts = token.split('.', 4);
  const [header = '', payload = ''] = parts;
  if (parts.length !== 3 || !parts.every(isBase64Url)) throw new TokenError(tokenErrors.malformed);
  const stated = jsonObject(Buffer.from(header, 'base64url'));
  const plain = stated['alg'] === 'HS256' && (stated['typ'] === undefined || stated['typ'] === 'JWT');
  if (!plain || 'crit' in stated) throw new TokenError(tokenErrors.malformed);
  jsonObject(Buffer.from(payload, 'base64url'));
}

/** Without padding, and with no bits that a decoder would drop: one value has one spelling. */
function isBase64Url(part: string): boolean {
  return /^[A-Za-z0-9_-]+$/.test(part) && Buffer.from(part, 'base64url').toString('base64url') === part;
}

/** @throws TokenError for what is not one JSON object with every key once */
function jsonObject(bytes: Buffer): Record<string, unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const value: unknown = JSON.parse(text);
    const unique = inspectJson(text).duplicates.length === 0;
    if (unique && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch (error) {
    throw new TokenError(tokenErrors.malformed, { cause: error });
  }
  throw new TokenError(tokenErrors.malformed);
}

function claimsOf(stated: Record<string, unknown>, key: string): Claims {
  const text = (name: string) => (typeof stated[name] === 'string' ? stated[name] : '');
  const time = (name: string) => (Number.isSafeInteger(stated[name]) ? (stated[name] as number) : undefined);
  return {
    jti: text('jti'),
    serverUuid: text('server_uuid'),
    userUuid: text('user_uuid'),
    issuer: text('iss'),
    audience: texts([stated['aud']].flat()),
    uniqueId: text('unique_id'),
    backupUuid: text('backup_uuid'),
    filePath: text('file_path'),
    subject: text('sub'),
    issuedAt: time('iat'),
    expiresAt: time('exp'),
    notBefore: stated['nbf'] === undefined ? 0 : time('nbf'),
    permissions: new Set(texts(stated['permissions'])),
    scopes: stated['scope'] === undefined ? undefined : text('scope').split(' ').filter(Boolean),
    stated: new Set(Object.keys(stated)),
    key,
  };
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
