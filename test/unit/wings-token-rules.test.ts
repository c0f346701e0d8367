// What a genuine token may be used for: when, by whom, on which server, for which purpose.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { permits } from '../../src/http/wings/permissions.ts';
import { Revocations } from '../../src/http/wings/revocations.ts';
import { type Claims, mintToken, verifyToken } from '../../src/http/wings/token.ts';
import type { TokenPurpose } from '../../src/http/wings/token-purpose.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { nodeSecret as secret } from '../support/signed-token.ts';
import { judge, now, otherServer, server, start, tokenOf, user } from '../support/token-judge.ts';

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

const here = 'node.example.com:8080';
const addresses: [what: string, claims: Record<string, unknown>, host: string | undefined, strange: string[]][] = [
  ['all as it should be', {}, here, []],
  ['another spelling of both', { iss: 'HTTPS://Panel.example.com:443/x' }, 'Node.Example.com:8080', []],
  ['the usual port left out', { aud: 'https://node.example.com:443' }, 'node.example.com', []],
  ['one of several audiences', { aud: ['https://a.example', 'http://node.example.com:8080/'] }, here, []],
  ['another Panel', { iss: 'https://evil.example' }, here, ['iss']],
  ['a Panel behind a longer name', { iss: 'https://panel.example.com.evil.example' }, here, ['iss']],
  ['no issuer', { iss: undefined }, here, ['iss']],
  ['another node', { aud: ['https://other.example:8080'] }, here, ['aud']],
  ['another port', {}, 'node.example.com:8081', ['aud']],
  ['no audience', { aud: undefined }, here, ['aud']],
  ['an audience that is no address', { aud: [5, 'x', ''] }, here, ['aud']],
  ['a request that says no host', {}, undefined, ['aud']],
  ['neither', { iss: 5, aud: {} }, here, ['iss', 'aud']],
];

for (const [what, claims, host, strange] of addresses) {
  test(`a token with ${what} is ${strange.length > 0 ? 'counted, or refused' : 'one of this node'} (covers: SEC-35)`, async (t) => {
    const counted: string[] = [];
    const onForeign = (claim: string) => void counted.push(claim);
    const read = await verifyToken(tokenOf(claims), secret);
    const lenient = await judge(t, { onForeign });
    assert.equal(lenient.rules.foreignness(read, host), undefined);
    assert.deepEqual(counted, strange);
    const strict = await judge(t, { foreign: 'refuse' });
    const [first] = strange;
    assert.equal(strict.rules.foreignness(read, host), first && `jwt: ${first} claim is invalid`);
  });
}

test('a token of this node names nobody, and without a Panel there is none to name (covers: SEC-35)', async (t) => {
  const { rules, clock } = await judge(t, { foreign: 'refuse' });
  assert.equal(rules.foreignness(await verifyToken(await minted(clock), secret), 'x'), undefined);
  const alone = await judge(t, { foreign: 'refuse', remote: () => '' });
  assert.equal(alone.rules.foreignness(await verifyToken(tokenOf(), secret), here), undefined);
});

test('what another token of the node has signed is denied, also where it is in use (covers: SEC-34)', async (t) => {
  let secretNow = secret;
  const { rules } = await judge(t, { secret: () => secretNow });
  const claims = await verifyToken(tokenOf(), secret);
  assert.equal(rules.objection(claims, server), undefined);
  secretNow = 'another';
  assert.equal(rules.objection(claims, server), denied);
});

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
  const never = await judge(t, { unscoped: 'never' });
  assert.equal(await never.objection({}), noConnect);
  assert.equal(await never.objection({ scope: 'websocket' }), undefined);
  const always = await judge(t, { unscoped: 'always' });
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
