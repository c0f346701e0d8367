// Small parts of the node API: names in headers, secrets in URLs, tries, and the memory of used links.
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { readFileSync } from 'node:fs';
import { validateHeaderValue } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { bearerOf } from '../../src/http/bearer.ts';
import { judgeBearer } from '../../src/http/wings/bearer.ts';
import { attachment } from '../../src/http/wings/content-disposition.ts';
import { FailedTries } from '../../src/http/wings/failed-tries.ts';
import { redactedUrl } from '../../src/http/wings/redacted-url.ts';
import { purposeOf } from '../../src/http/wings/token-purpose.ts';
import { UsedTokens } from '../../src/http/wings/used-tokens.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const names: [name: string, header: string][] = [
  ['a.tar.gz', 'attachment; filename="a.tar.gz"'],
  ['say "hi"\\.txt', 'attachment; filename="say \\"hi\\"\\\\.txt"'],
  ['größe.txt', `attachment; filename="gr__e.txt"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt`],
  ['a\r\nx: y', `attachment; filename="a__x: y"; filename*=UTF-8''a%0D%0Ax%3A%20y`],
  ['a;b.txt', 'attachment; filename="a;b.txt"'],
  ['🎮', `attachment; filename="_"; filename*=UTF-8''%F0%9F%8E%AE`],
];
for (const [name, header] of names) {
  test(`a file called ${JSON.stringify(name)} is offered under that name (traps 9) (covers: SEC-57)`, () => {
    assert.equal(attachment(name), header);
    assert.doesNotThrow(() => validateHeaderValue('content-disposition', attachment(name)));
  });
}

test('a token is compared as a digest of one length, whatever was shown and however alike it is (covers: SEC-25)', (t) => {
  const compare = crypto.timingSafeEqual;
  const lengths: [number, number][] = [];
  const observed = t.mock.method(crypto, 'timingSafeEqual', (one: Uint8Array, other: Uint8Array) => {
    lengths.push([one.byteLength, other.byteLength]);
    return compare(one, other);
  });
  syncBuiltinESMExports();
  t.after(() => {
    observed.mock.restore();
    syncBuiltinESMExports();
  });
  const secret = 'a'.repeat(64);
  const judge = (shown: string, right = secret) =>
    judgeBearer({ headersDistinct: { authorization: [`Bearer ${shown}`] } }, right);
  const wrong = [
    '',
    'a',
    secret.slice(1),
    `${secret}a`,
    secret.replace(/.$/, 'b'),
    secret.replace(/^./, 'b'),
    'ä',
    '\0',
  ];
  for (const shown of [...wrong, 'a'.repeat(100_000)]) assert.equal(judge(shown), 'wrong');
  assert.equal(judge(secret), 'right');
  assert.equal(judge('', ''), 'wrong', 'an empty token lets nobody in');
  assert.deepEqual(lengths, Array(wrong.length + 3).fill([32, 32]));
  // The doors that are ours compare by the same code.
  const ours = bearerOf(secret);
  const bearing = (shown: string) => ours({ headersDistinct: { authorization: [`bearer ${shown}`] } });
  assert.deepEqual([bearing('a'), bearing(`${secret}a`), bearing(secret)], ['wrong', 'wrong', 'right']);
  assert.deepEqual(lengths, Array(wrong.length + 6).fill([32, 32]));
});

test('a URL is logged without what opens a link (traps 39) (covers: SEC-42)', () => {
  assert.equal(redactedUrl('/x?token=a.b.c&v=2'), '/x?token=***&v=2');
  assert.equal(redactedUrl('/x?v=2&ToKeN=a=b&t%6Fken=c'), '/x?v=2&ToKeN=***&t%6Fken=***');
  assert.equal(redactedUrl('/x?%zz=secret&token=a?token=b'), '/x?%zz=***&token=***');
  assert.equal(redactedUrl('/x?mytoken=a'), '/x?mytoken=a');
  assert.equal(redactedUrl('/token=a'), '/token=a');
});

test('tries are counted by address and forgotten, however many addresses there are (covers: SEC-31)', async () => {
  const clock = new FakeClock();
  const tries = new FailedTries(clock, 3);
  const failed = (address: string, times: number) => Array.from({ length: times }, () => tries.failed(address)).at(-1);
  assert.equal(failed('a', 20), false);
  assert.equal(failed('a', 1), true);
  assert.equal(failed('b', 20), false);
  await clock.advance(60_000);
  assert.equal(failed('a', 1), false);
  assert.equal(failed('a', 20), true);
  for (const address of ['c', 'd', 'e']) failed(address, 1);
  assert.equal(failed('a', 1), false, 'the one that was quiet the longest is forgotten');
});

test('a token without a scope is for what its claims show, and for nothing when they show two things (covers: SEC-36)', () => {
  const purpose = (...claims: string[]) => purposeOf(new Set(['iat', 'exp', ...claims]));
  assert.equal(purpose('server_uuid', 'permissions'), 'websocket');
  assert.equal(purpose('server_uuid', 'file_path'), 'file-download');
  assert.equal(purpose('server_uuid', 'backup_uuid'), 'backup-download');
  assert.equal(purpose('server_uuid', 'unique_id'), 'file-upload');
  assert.equal(purpose('sub'), 'transfer');
  for (const claims of [['file_path', 'backup_uuid'], ['permissions', 'file_path'], ['sub', 'server_uuid'], []])
    assert.equal(purpose(...claims), undefined);
});

const start = Date.parse('2026-01-01T00:00:00Z');
const token = (uniqueId: string, now: number) => ({ uniqueId, issuedAt: now / 1000, expiresAt: now / 1000 + 900 });

test('a use is on disk when it is told, and the id itself is not (covers: SEC-37)', async (t) => {
  const [clock, log] = [new FakeClock(start), recordedLog()];
  const path = join(temporaryDirectory(t), 'used.json');
  const used = await UsedTokens.open({ path, clock, log });
  assert.equal(await used.use(token('a-very-long-id', start)), true);
  assert.equal(await used.use(token('a-very-long-id', start)), false);
  assert.equal(readFileSync(path, 'utf8').includes('a-very-long-id'), false);
  const again = await UsedTokens.open({ path, clock, log });
  assert.equal(await again.use(token('a-very-long-id', start)), false);
  assert.equal(await again.use(token('b', start)), true);
  assert.equal(await again.use(token('old', start - 1_000)), false, 'from before anybody kept count');
});

test('a use is remembered as long as the token could be shown, and no longer (covers: SEC-37)', async (t) => {
  const [clock, log] = [new FakeClock(start), recordedLog()];
  const path = join(temporaryDirectory(t), 'used.json');
  const used = await UsedTokens.open({ path, clock, log, maxEntries: 2 });
  const first = token('a', start);
  assert.deepEqual([await used.use(first), await used.use(token('b', start))], [true, true]);
  assert.equal(await used.use(token('c', start)), false, 'what cannot be remembered is not taken');
  await clock.advance(900_000);
  assert.equal(await used.use(first), false, 'in its last second');
  await clock.advance(2_000);
  assert.equal(await used.use(token('c', clock.now())), true);
  assert.equal(readFileSync(path, 'utf8').match(/"[\w-]{43}"/g)?.length, 1);
});
