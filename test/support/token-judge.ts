// Tokens as a Panel makes them at one moment, and a judge of them at that moment.
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { Revocations } from '../../src/http/wings/revocations.ts';
import { verifyToken } from '../../src/http/wings/token.ts';
import { TokenRules, type TokenRulesOptions } from '../../src/http/wings/token-rules.ts';
import { FakeClock } from './fake-clock.ts';
import { recordedLog } from './recorded-log.ts';
import { nodeSecret } from './signed-token.ts';
import { temporaryDirectory } from './temporary-directory.ts';

export const server = '3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2e';
export const otherServer = '4a2d0d0f-7d2d-4e4a-9a1b-7a3a5a9d2e3f';
export const user = '0b9a1f6e-2d7c-4c52-9b8e-5c3a7d1e4f60';
export const start = Date.parse('2026-01-01T00:00:00Z');
export const now = start / 1000;

export const genuine = {
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

export function segment(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** With whatever header, payload and signature. */
export function signed(header: unknown, payload: unknown, { key = nodeSecret, hash = 'sha256' } = {}): string {
  const text = `${segment(header)}.${segment(payload)}`;
  return `${text}.${createHmac(hash, key).update(text).digest('base64url')}`;
}

export const plain = { typ: 'JWT', alg: 'HS256' };
export const tokenOf = (claims: Record<string, unknown> = {}) => signed(plain, { ...genuine, ...claims });

export interface Judge {
  rules: TokenRules;
  revocations: Revocations;
  clock: FakeClock;
  path: string;
  objection(claims: Record<string, unknown>, at?: string): Promise<string | undefined>;
}

export async function judge(t: TestContext, options: Partial<TokenRulesOptions> = {}): Promise<Judge> {
  const clock = new FakeClock(start);
  const path = join(temporaryDirectory(t), 'revocations.json');
  const revocations = await Revocations.open({ path, clock, log: recordedLog() });
  const rules = new TokenRules({
    ...{ revocations, clock, secret: () => nodeSecret, remote: () => 'https://panel.example.com/' },
    ...{ unscoped: 'untilScoped', foreign: 'count', ...options },
  });
  const objection = async (claims: Record<string, unknown>, at = server) =>
    rules.objection(await verifyToken(tokenOf(claims), nodeSecret), at);
  return { rules, revocations, clock, path, objection };
}
