// Tokens: which texts are tokens at all, which are genuine, and what a genuine one may be used for.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { permits } from '../../src/http/wings/permissions.ts';
import { Revocations } from '../../src/http/wings/revocations.ts';
import { TokenError } from '../../src/http/wings/socket-errors.ts';
import { type Claims, mintToken, verifyToken } from '../../src/http/wings/token.ts';
import type { TokenPurpose } from '../../src/http/wings/token-purpose.ts';
import { TokenRules } from '../../src/http/wings/token-rules.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const secret = 'the-secret-token-of-this-node';
const server = '3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2e';
const otherServer = '4a2d0d0f-7d2d-4e4a-9a1b-7a3a5a9d2e3f';
const user = '0b9a1f6e-2d7c-4c52-9b8e-5c3a7d1e4f60';
const start = Date.parse('2026-01-01T00:00:00Z');
const now = start / 1000;

const genuine = {
  iss: 'https://panel.example.com',
  aud: ['https://node.example.com:8080'],
  jti: 'ae12',
  iat: now,
  nbf: now - 300,
  exp: now + 600,
  server_uuid: server,
  user_uuid: user,
  permissions: ['websocket.connect', 'control.console'],
};

function segment(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

function signed(header: unknown, payload: unknown, { key = secret, hash = 'sha256' } = {}): string {
  const text = `${segment(header)}.${segment(payload)}`;
  return `${text}.${createHmac(hash, key).update(text).digest('base64url')}`;
}

const plain = { typ: 'JWT', alg: 'HS256' };
const tokenOf = (claims: Record<string, unknown> = {}) => signed(plain, { ...genuine, ...claims });

async function complaint(token: string, key = secret): Promise<string> {
  const error = await verifyToken(token, key).then(
    () => assert.fail('the token was taken'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TokenError, String(error));
  return error.text;
}

const malformed = 'jwt: malformed token';
const forged = 'jwt: HMAC verification failed';

test('a token as a Panel makes it is read (covers: SEC-34)', async () => {
  for (const header of [{ typ: 'JWT', alg: 'HS256', jti: 'ae12' }, { alg: 'HS256' }]) {
    const claims = await verifyToken(signed(header, genuine), secret);
    assert.equal(claims.serverUuid, server);
    assert.equal(claims.expiresAt, now + 600);
    assert.deepEqual([...claims.permissions], genuine.permissions);
    assert.equal(claims.scopes, undefined);
  }
});

const valid = tokenOf();
const [head = '', body = '', signature = ''] = valid.split('.');
const hostile: [what: string, token: string, text: string][] = [
  ['no signature at all', `${segment({ alg: 'none' })}.${body}.`, malformed],
  ['alg none with a signature', signed({ ...plain, alg: 'none' }, genuine), malformed],
  ['alg in other letters', signed({ ...plain, alg: 'hs256' }, genuine), malformed],
  ['HS384', signed({ ...plain, alg: 'HS384' }, genuine, { hash: 'sha384' }), malformed],
  ['HS512 called HS256', signed(plain, genuine, { hash: 'sha512' }), forged],
  ['RS256 with the secret as public key', signed({ ...plain, alg: 'RS256' }, genuine), malformed],
  ['no alg', signed({ typ: 'JWT' }, genuine), malformed],
  ['an alg list', signed({ ...plain, alg: ['HS256'] }, genuine), malformed],
  ['another typ', signed({ ...plain, typ: 'at+jwt' }, genuine), malformed],
  ['crit', signed({ ...plain, crit: ['exp'] }, genuine), malformed],
  ['an array as header', signed(['HS256'], genuine), malformed],
  ['an array as payload', signed(plain, [genuine]), malformed],
  ['a text as payload', signed(plain, '"exp"'), malformed],
  ['null as payload', signed(plain, 'null'), malformed],
  ['a payload that is no JSON', signed(plain, '{exp:1}'), malformed],
  [
    'a payload that is no UTF-8',
    `${head}.${Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url')}.${signature}`,
    malformed,
  ],
  ['one claim twice', signed(plain, `{"exp":1,${JSON.stringify(genuine).slice(1)}`), malformed],
  ['one claim twice in two spellings', signed(plain, `{"\\u0065xp":1,${JSON.stringify(genuine).slice(1)}`), malformed],
  ['alg twice', signed('{"alg":"none","alg":"HS256"}', genuine), malformed],
  ['padding', `${valid}=`, malformed],
  ['base64 of the other alphabet', valid.replace(/[-_]?.$/, '+'), malformed],
  ['bits that a decoder drops', `${head}.${body}.${looseEnd(signature)}`, malformed],
  ['a line break', `${head}.\n${body}.${signature}`, malformed],
  ['two segments', `${head}.${body}`, malformed],
  ['four segments', `${valid}.x`, malformed],
  ['five segments, as encrypted ones have', `${valid}.x.y`, malformed],
  ['nothing', '', malformed],
  ['dots', '..', malformed],
  ['another key', signed(plain, genuine, { key: `${secret}x` }), forged],
  ['an empty key', signed(plain, genuine, { key: '\0' }), forged],
  ['changed claims', `${head}.${segment({ ...genuine, exp: now + 601 })}.${signature}`, forged],
  ['a shortened signature', `${head}.${body}.${signature.slice(0, 40)}`, forged],
  ['8 KiB and one', tokenOf({ pad: 'x'.repeat(8192) }), malformed],
  ['a megabyte', 'a'.repeat(1_048_576), malformed],
  ['a megabyte of dots', '.'.repeat(1_048_576), malformed],
];

/** The same bytes with other unused bits in the last character. */
function looseEnd(part: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(part.at(-1) ?? '');
  return part.slice(0, -1) + alphabet[last + 1];
}

for (const [what, token, text] of hostile) {
  test(`a token with ${what} is refused (covers: SEC-34)`, async () => assert.equal(await complaint(token), text));
}

test('after a change of the key old tokens fail at once (covers: SEC-34)', async () => {
  await verifyToken(valid, secret);
  assert.equal(await complaint(valid, 'a-new-secret'), forged);
});

type Unscoped = ConstructorParameters<typeof TokenRules>[0]['unscoped'];

interface Judge {
  rules: TokenRules;
  revocations: Revocations;
  clock: FakeClock;
  path: string;
  objection(claims: Record<string, unknown>, at?: string): Promise<string | undefined>;
}

async function judge(t: TestContext, unscoped: Unscoped = 'untilScoped'): Promise<Judge> {
  const clock = new FakeClock(start);
  const path = join(temporaryDirectory(t), 'revocations.json');
  const revocations = await Revocations.open({ path, clock, log: recordedLog() });
  const rules = new TokenRules({ revocations, clock, unscoped });
  const objection = async (claims: Record<string, unknown>, at = server) =>
    rules.objection(await verifyToken(tokenOf(claims), secret), at);
  return { rules, revocations, clock, path, objection };
}

const expired = 'jwt: exp claim is invalid';
const denied = 'jwt: created too far in past (denylist)';
const noConnect = 'jwt: missing connect permission';

const times: [what: string, claims: Record<string, unknown>, text: string | undefined][] = [
  ['all as it should be', {}, undefined],
  ['exp this very second', { exp: now }, undefined],
  ['exp a second ago', { exp: now - 1, iat: now - 10 }, expired],
  ['no exp', { exp: undefined }, expired],
  ['exp as text', { exp: String(now + 600) }, expired],
  ['exp with a fraction', { exp: now + 600.5 }, expired],
  ['negative exp', { exp: -1 }, expired],
  ['exp beyond all numbers', { exp: 1e300 }, expired],
  ['a life of ten years', { exp: now + 315_360_000 }, expired],
  ['a life of an hour', { exp: now + 3_600 }, undefined],
  ['a life of an hour and a second', { exp: now + 3_601 }, expired],
  ['no iat', { iat: undefined }, denied],
  ['iat as text', { iat: String(now) }, denied],
  ['no jti', { jti: undefined }, denied],
  ['an empty jti', { jti: '' }, denied],
  ['a jti that is a number', { jti: 5 }, denied],
  ['no user', { user_uuid: undefined }, denied],
  ['an empty user', { user_uuid: '' }, denied],
  ['a user in capitals', { user_uuid: user.toUpperCase() }, denied],
  ['no server', { server_uuid: undefined }, denied],
  ['nbf in the tolerance', { nbf: now + 60 }, undefined],
  ['nbf beyond the tolerance', { nbf: now + 61 }, 'jwt: nbf claim is invalid'],
  ['nbf as text', { nbf: 'now' }, 'jwt: nbf claim is invalid'],
  ['no nbf', { nbf: undefined }, undefined],
  ['another audience', { aud: 'https://elsewhere' }, undefined],
];

for (const [what, claims, text] of times) {
  test(`a token with ${what} is ${text ?? 'taken'} (covers: SEC-35)`, async (t) => {
    const { objection } = await judge(t);
    assert.equal(await objection(claims), text);
  });
}

test('a token of another server is refused (covers: SEC-40)', async (t) => {
  const { objection } = await judge(t);
  assert.equal(await objection({}, otherServer), 'jwt: server uuid mismatch');
});

test('a token without the permission to connect is refused, whatever else it may', async (t) => {
  const { objection } = await judge(t);
  assert.equal(await objection({ permissions: ['control.console'] }), noConnect);
  assert.equal(await objection({ permissions: [] }), noConnect);
  assert.equal(await objection({ permissions: '*' }), noConnect);
  assert.equal(await objection({ permissions: [{ a: 1 }, '*'] }), undefined);
});

const purposes: [what: string, claims: Record<string, unknown>, taken: boolean][] = [
  ['a scope for sockets', { scope: 'websocket' }, true],
  ['that scope among others', { scope: 'file-download websocket' }, true],
  ['a scope for downloads', { scope: 'file-download' }, false],
  ['a scope that begins alike', { scope: 'websockets' }, false],
  ['an empty scope', { scope: '' }, false],
  ['a scope that is no text', { scope: ['websocket'] }, false],
  ['no scope and the claims of a download', { file_path: '/a' }, false],
  ['no scope and the claims of a backup', { backup_uuid: server }, false],
  ['no scope and no permissions', { permissions: undefined }, false],
];

for (const [what, claims, taken] of purposes) {
  test(`a token with ${what} is ${taken ? 'taken' : 'refused'} (covers: SEC-36)`, async (t) => {
    const { objection } = await judge(t);
    assert.equal(await objection(claims), taken ? undefined : noConnect);
  });
}

const upload = { permissions: undefined };
const kinds: [purpose: TokenPurpose, claims: Record<string, unknown>][] = [
  ['websocket', {}],
  ['file-download', { ...upload, file_path: '/a' }],
  ['backup-download', { ...upload, backup_uuid: server }],
  ['file-upload', upload],
  ['transfer', { ...upload, server_uuid: undefined, user_uuid: undefined, sub: server }],
];

test('each kind of token serves the one purpose it was made for, with a scope and without (traps 21) (covers: SEC-36)', async (t) => {
  const { rules } = await judge(t);
  const serves = async (claims: Record<string, unknown>) => {
    const read = await verifyToken(tokenOf(claims), secret);
    return kinds.map(([purpose]) => purpose).filter((purpose) => rules.isFor(purpose, read));
  };
  const everything = { file_path: '/a', backup_uuid: server, sub: server };
  assert.deepEqual(await serves(everything), [], 'two shapes at once');
  for (const [purpose, claims] of kinds) {
    assert.deepEqual(await serves(claims), [purpose]);
    // The scope alone counts where there is one.
    assert.deepEqual(await serves({ ...everything, scope: purpose }), [purpose]);
  }
  await rules.took(await verifyToken(tokenOf({ scope: 'websocket' }), secret));
  for (const [purpose, claims] of kinds) {
    assert.deepEqual(await serves(claims), [], `${purpose} without a scope, of a Panel that states scopes`);
    assert.deepEqual(await serves({ ...claims, scope: purpose }), [purpose]);
  }
});

test('once a Panel has stated a scope, tokens without one are refused, after a restart too (covers: SEC-36)', async (t) => {
  const { objection, rules, path, clock } = await judge(t);
  const take = async (claims: Record<string, unknown>) => rules.took(await verifyToken(tokenOf(claims), secret));
  await take({});
  assert.equal(await objection({}), undefined);
  await take({ scope: 'websocket' });
  assert.equal(await objection({}), noConnect);
  assert.equal(await objection({ scope: 'websocket' }), undefined);

  const again = await Revocations.open({ path, clock, log: recordedLog() });
  assert.equal(again.scopesRequired, true);
});

test('a setting says otherwise about tokens without a scope (covers: SEC-36)', async (t) => {
  const never = await judge(t, 'never');
  assert.equal(await never.objection({}), noConnect);
  assert.equal(await never.objection({ scope: 'websocket' }), undefined);
  const always = await judge(t, 'always');
  await always.rules.took(await verifyToken(tokenOf({ scope: 'websocket' }), secret));
  assert.equal(await always.objection({}), undefined);
});

test('a token made on this node says nothing about the scopes of a Panel (covers: SEC-36)', async (t) => {
  const { rules, clock, revocations } = await judge(t);
  await rules.took(await verifyToken(await minted(clock), secret));
  assert.equal(revocations.scopesRequired, false);
});

function minted(clock: FakeClock, ttlSeconds = 600): Promise<string> {
  return mintToken({ secret, serverUuid: server, userUuid: user, permissions: ['*'], ttlSeconds, now: clock.now() });
}

test('a token made on this node is taken, and lives as long as it was told to', async (t) => {
  const { rules, clock } = await judge(t);
  const claims: Claims = await verifyToken(await minted(clock, 90), secret);
  assert.equal(rules.objection(claims, server), undefined);
  assert.equal(claims.expiresAt, now + 90);
  await clock.advance(90_999);
  assert.equal(rules.objection(claims, server), undefined);
  await clock.advance(1);
  assert.equal(rules.objection(claims, server), expired);
});

test('a token that would outlive what is remembered about it is not made', async () => {
  for (const ttl of [0, -1, 3_601, Number.NaN]) {
    await assert.rejects(async () => minted(new FakeClock(start), ttl), RangeError);
  }
});

test('* permits everything but what is for administrators (websocket 17.8)', () => {
  assert.equal(permits(new Set(['*']), 'control.start'), true);
  for (const what of ['errors', 'install', 'transfer']) {
    assert.equal(permits(new Set(['*']), `admin.websocket.${what}`), false);
  }
  assert.equal(permits(new Set(['*', 'admin.websocket.errors']), 'admin.websocket.errors'), true);
  assert.equal(permits(new Set(['control.stop']), 'control.start'), false);
  assert.equal(permits(new Set(), 'websocket.connect'), false);
});
