import assert from 'node:assert/strict';
import test from 'node:test';
import { createLogger } from '../../../src/telemetry/pino-log.ts';
import { Redactor } from '../../../src/telemetry/redact.ts';

function capture(options: { terminal?: boolean; secrets?: string[] } = {}) {
  const lines: string[] = [];
  const redactor = new Redactor();
  for (const secret of options.secrets ?? []) redactor.add(secret);
  const log = createLogger({
    level: 'debug',
    redactor,
    terminal: options.terminal ?? false,
    write: (line) => lines.push(line),
  });
  return { log, lines };
}

const canary = 'c4n4ry-s3cr3t-v4lu3';

for (const [carrier, fields] of [
  ['a known value', { url: `x ${canary} y` }],
  ['a field named for it', { config: { node_token: canary } }],
  ['a password', { auth: { password: canary } }],
  ['an authorization header', { header: `Authorization: Bearer ${canary}` }],
  ['a query', { url: `/download?token=${canary}&x=1` }],
  ['a presigned query', { url: `https://store/x?X-Amz-Signature=${canary}` }],
  ['a presigned query of another store', { url: `https://store/x?X-Goog-Signature=${canary}&Signature=${canary}` }],
  ['a query without its URL', { said: `sig=${canary} was wrong` }],
  ['a URL within a URL', { url: `https://a/?next=https%3A%2F%2Fb%2F%3Ftoken%3D${canary}%26x%3D1` }],
  ['a URL with a password', { url: `https://me:${canary}@registry/v2` }],
  ['JSON within JSON', { said: JSON.stringify({ password: canary, other: 1 }) }],
  ['a header of Docker', { headers: { 'X-Registry-Auth': canary } }],
  ['a cookie', { headers: { 'set-cookie': canary } }],
  ['half a private key', { key: `-----BEGIN RSA PRIVATE KEY-----\n${canary}` }],
  ['a private key', { key: `-----BEGIN PRIVATE KEY-----\n${canary}\n-----END PRIVATE KEY-----` }],
  ['the message of an error', { err: new Error(`Bearer ${canary}`) }],
] as const) {
  test(`the log masks a secret in ${carrier} (covers: SEC-112)`, () => {
    for (const terminal of [false, true]) {
      const { log, lines } = capture({ terminal, secrets: carrier === 'a known value' ? [canary] : [] });
      log.info(fields, 'something happened');
      assert.equal(lines.length, 1);
      assert.ok(!lines[0]?.includes(canary), lines[0]);
      assert.match(lines[0] ?? '', /\*\*\*/);
    }
  });
}

test('a known secret is masked in every form in which it may be written (covers: SEC-112)', () => {
  const secret = 'p"a\\s/s wörd&1';
  const { log, lines } = capture({ secrets: [secret] });
  log.info({ plain: secret, nested: JSON.stringify(secret), url: `https://a/${encodeURIComponent(secret)}` }, 'said');
  const { plain, url } = JSON.parse(lines[0] ?? '');
  assert.deepEqual([plain, url], ['***', 'https://a/***']);
  assert.doesNotMatch(lines[0] ?? '', /w(?:ö|%C3%B6)rd/);
});

test('what is no secret stays, and JSON stays JSON (covers: SEC-112)', () => {
  const fields = {
    url: 'https://panel.example/api/remote/servers?page=1&per_page=50',
    path: '/srv/tokens/policy.json',
    said: '{"design":"x","signal":"C"} assign=1 token of 3',
    user: 'someone@example.com',
  };
  const { log, lines } = capture();
  log.info(fields, 'said');
  const { level: _, time: __, msg: ___, ...read } = JSON.parse(lines[0] ?? '');
  assert.deepEqual(read, fields);
});

test('text for a terminal cannot carry control characters (covers: SEC-111)', () => {
  const { log, lines } = capture({ terminal: true });
  log.info({ player: 'a\u001b[2Jb\r\nINFO forged\u202e' }, 'joined');
  assert.equal(lines.length, 1);
  assert.doesNotMatch(lines[0]?.slice(0, -1) ?? '', /[\p{Cc}\p{Cf}]/u);
});

test('a child carries its fields', () => {
  const { log, lines } = capture();
  log.child({ server: 'abc' }).warn({ n: 1 }, 'said');
  const record = JSON.parse(lines[0] ?? '');
  assert.deepEqual(
    { server: record.server, n: record.n, msg: record.msg, level: record.level },
    { server: 'abc', n: 1, msg: 'said', level: 40 },
  );
});
