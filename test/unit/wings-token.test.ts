// Tokens: which texts are tokens at all, and which are genuine.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenError } from '../../src/http/wings/socket-errors.ts';
import { verifyToken } from '../../src/http/wings/token.ts';
import { nodeSecret as secret } from '../support/signed-token.ts';
import { genuine, now, plain, segment, server, signed, tokenOf } from '../support/token-judge.ts';

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
