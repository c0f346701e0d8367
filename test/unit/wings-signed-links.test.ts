// In which order a link is judged: it is used up when nothing else speaks against it, and not before.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { RequestRefused } from '../../src/http/wings/http-errors.ts';
import { SignedLinks } from '../../src/http/wings/signed-links.ts';
import type { TokenPurpose } from '../../src/http/wings/token-purpose.ts';
import { UsedTokens } from '../../src/http/wings/used-tokens.ts';
import { aServer } from '../support/builders.ts';
import { recordedLog } from '../support/recorded-log.ts';
import { nodeSecret } from '../support/signed-token.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { judge, now, server, tokenOf, user } from '../support/token-judge.ts';

async function door(t: TestContext) {
  const { rules, clock, revocations } = await judge(t);
  const log = recordedLog();
  const used = await UsedTokens.open({ path: join(temporaryDirectory(t), 'used.json'), clock, log });
  const state = { secret: nodeSecret, known: [aServer({ spec: { uuid: server } })] };
  const links = new SignedLinks({
    ...{ rules, used, log, secret: () => state.secret },
    servers: {
      synced: async () => {},
      byUuid: (uuid) => state.known.find(({ spec }) => spec.uuid === uuid),
      list: () => state.known,
      onChange: () => () => {},
    },
  });
  /** The status of the answer, 200 when it opens. */
  const open = (token: string, purpose: TokenPurpose = 'backup-download') =>
    links.open(token, purpose, { most: 1, host: 'node.example.com:8080' }).then(
      () => 200,
      (error: unknown) => {
        assert.ok(error instanceof RequestRefused, String(error));
        return error.refusal.code;
      },
    );
  return { open, state, clock, revocations };
}

const link = (claims: Record<string, unknown> = {}) =>
  tokenOf({ permissions: undefined, backup_uuid: server, unique_id: 'once', ...claims });

test('a link that is shown at the wrong door, too early or of a server that is not here yet is not used up (covers: SEC-37)', async (t) => {
  const { open, state, clock } = await door(t);
  const token = link({ nbf: now + 61, iat: now });
  for (const purpose of ['file-download', 'file-upload', 'transfer', 'websocket'] as const)
    assert.equal(await open(link(), purpose), 404, purpose);
  state.secret = 'another';
  assert.equal(await open(token), 401);
  state.secret = nodeSecret;
  assert.equal(await open(token), 401, 'too early');
  await clock.advance(2_000);
  const known = state.known.splice(0);
  assert.equal(await open(token), 404, 'no such server');
  state.known.push(...known);
  assert.equal(await open(token), 200);
  assert.equal(await open(token), 404, 'used');
  assert.equal(await open(link()), 404, 'by its id, whatever else it says');
});

test('a link that is revoked is not used up by being shown (covers: SEC-37, SEC-38)', async (t) => {
  const { open, revocations, clock } = await door(t);
  await clock.advance(10_000);
  await revocations.denyUser(user, [server]);
  assert.equal(await open(link()), 404);
  assert.equal(await open(link({ iat: now + 11, exp: now + 600 })), 200, 'made after it, with the same id');
});
