// What is revoked, from when on, and what a restart knows of it.
import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Revocations } from '../../src/http/wings/revocations.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const start = Date.parse('2026-01-01T00:00:00.700Z');
const second = Math.floor(start / 1000);
const token = { jti: 'ae12', serverUuid: 'server-a', userUuid: 'user-1', issuedAt: second + 10 };

interface Opened {
  revocations: Revocations;
  clock: FakeClock;
  path: string;
  reopen(maxEntries?: number): Promise<Revocations>;
}

async function open(t: TestContext, maxEntries?: number): Promise<Opened> {
  const clock = new FakeClock(start);
  const path = join(temporaryDirectory(t), 'revocations.json');
  const reopen = (most = maxEntries) =>
    Revocations.open({ path, clock, log: recordedLog(), ...(most === undefined ? {} : { maxEntries: most }) });
  const revocations = await reopen();
  await clock.advance(20_000);
  return { revocations, clock, path, reopen };
}

test('a denied token is denied, the whole second of the denial included, and a later one is not', async (t) => {
  const { revocations } = await open(t);
  assert.equal(revocations.isDenied(token), false);
  await revocations.denyTokens(['ae12', 'bb']);
  assert.equal(revocations.isDenied(token), true);
  assert.equal(revocations.isDenied({ ...token, issuedAt: second + 20 }), true);
  assert.equal(revocations.isDenied({ ...token, issuedAt: second + 21 }), false);
  assert.equal(revocations.isDenied({ ...token, jti: 'other' }), false);
});

test('a user is denied for the servers that are named, or for all (covers: SEC-38)', async (t) => {
  const { revocations } = await open(t);
  await revocations.denyUser('user-1', ['server-a', 'server-b']);
  assert.equal(revocations.isDenied(token), true);
  assert.equal(revocations.isDenied({ ...token, serverUuid: 'server-c' }), false);
  assert.equal(revocations.isDenied({ ...token, userUuid: 'user-2' }), false);
  await revocations.denyUser('user-2', []);
  assert.equal(revocations.isDenied({ ...token, userUuid: 'user-2', serverUuid: 'server-c' }), true);
});

test('it counts at once and is on disk when the promise resolves (covers: SEC-38)', async (t) => {
  const { revocations, path } = await open(t);
  let told = 0;
  revocations.onChange(() => {
    told += 1;
  });
  const { version } = revocations;
  const stored = revocations.denyTokens(['ae12']);
  assert.equal(revocations.isDenied(token), true);
  assert.equal(told, 1);
  assert.notEqual(revocations.version, version);
  await stored;
  assert.match(readFileSync(path, 'utf8'), /jti ae12/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('an id of any length is denied, and takes no more room than others (covers: SEC-38)', async (t) => {
  const { revocations, path, reopen } = await open(t);
  const jti = 'x'.repeat(100_000);
  await revocations.denyTokens([jti]);
  assert.ok(statSync(path).size < 1_000);
  for (const known of [revocations, await reopen()]) {
    assert.equal(known.isDenied({ ...token, jti }), true);
    assert.equal(known.isDenied({ ...token, jti: `${jti}x` }), false);
  }
});

test('many at once are all on disk', async (t) => {
  const { revocations, reopen } = await open(t);
  await Promise.all(Array.from({ length: 50 }, (_, index) => revocations.denyTokens([`t${index}`])));
  const again = await reopen();
  for (let index = 0; index < 50; index++) assert.equal(again.isDenied({ ...token, jti: `t${index}` }), true);
});

test('a restart with the list keeps what was denied and takes all else (covers: SEC-38, SEC-39)', async (t) => {
  const { revocations, clock, reopen } = await open(t);
  await revocations.denyTokens(['ae12']);
  await clock.advance(60_000);
  const again = await reopen();
  assert.equal(again.isDenied(token), true);
  assert.equal(again.isDenied({ ...token, jti: 'fine' }), false, 'a token from before the restart');
});

test('a restart without the list takes no token from before it, and neither does the one after (covers: SEC-39)', async (t) => {
  const { clock, path, reopen } = await open(t);
  for (const damage of [
    () => rmSync(path),
    () => writeFileSync(path, '{"version":1,'),
    () => writeFileSync(path, '[]'),
  ]) {
    damage();
    await clock.advance(10_000);
    const lost = Math.floor(clock.now() / 1000);
    for (const revocations of [await reopen(), await reopen()]) {
      assert.equal(revocations.isDenied({ ...token, issuedAt: lost - 1 }), true);
      assert.equal(revocations.isDenied({ ...token, issuedAt: lost }), false, 'the second of the start');
    }
  }
});

test('a list that cannot be read for another reason stops the start', async (t) => {
  const directory = temporaryDirectory(t);
  await assert.rejects(
    Revocations.open({ path: directory, clock: new FakeClock(start), log: recordedLog() }),
    /EISDIR/,
  );
});

test('what no token can outlive is forgotten', async (t) => {
  const { revocations, clock, path } = await open(t);
  await revocations.denyTokens(['old']);
  await clock.advance(3_602_000);
  await revocations.denyTokens(['new']);
  assert.deepEqual(
    (JSON.parse(readFileSync(path, 'utf8')) as { denied: [string, number][] }).denied.map(([name]) => name),
    ['jti new'],
  );
});

test('a full list denies more than it was told, never less', async (t) => {
  const { revocations, clock, reopen } = await open(t, 3);
  for (const jti of ['a', 'b', 'c', 'd']) {
    await revocations.denyTokens([jti]);
    await clock.advance(10_000);
  }
  for (const list of [revocations, await reopen()]) {
    for (const [index, jti] of ['a', 'b', 'c', 'd'].entries()) {
      assert.equal(list.isDenied({ ...token, jti, issuedAt: second + 20 + index * 10 }), true, jti);
    }
    assert.equal(list.isDenied({ ...token, jti: 'x', issuedAt: second + 20 }), true, 'as old as what was dropped');
    assert.equal(list.isDenied({ ...token, jti: 'x', issuedAt: second + 21 }), false);
  }
});

test('a revocation that could not be stored counts all the same, and says so', async (t) => {
  const { revocations, path } = await open(t);
  rmSync(join(path, '..'), { recursive: true });
  await assert.rejects(revocations.denyTokens(['ae12']));
  assert.equal(revocations.isDenied(token), true);
});
