import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redactor } from '../../../src/telemetry/redact.ts';

const redactor = new Redactor();

/** However deep the quotes. */
const nested = (value: unknown): string => JSON.stringify({ said: JSON.stringify(value) });

for (const secret of ['ab"cdefgh', 'ab\\cdefgh', 'ab\\"cdefgh\\', '"', '\\', 'a\ncdefgh', 'plain'])
  test(`a password ends where its quotes do: ${JSON.stringify(secret)} (covers: SEC-112)`, () => {
    const value = { password: secret, next: 'stays' };
    const masked = { password: '***', next: 'stays' };
    assert.equal(redactor.text(JSON.stringify(value)), JSON.stringify(masked));
    assert.equal(redactor.text(nested(value)), nested(masked));
  });

test('a signed token is masked wherever it begins (covers: SEC-112)', () => {
  const token = `eyJ${'a'.repeat(20)}.eyJ${'b-_'.repeat(9)}.c-_d`;
  for (const before of ['', 'Token ', 'token=', '"', '/', '(', '.'])
    assert.equal(redactor.text(`${before}${token} more`), `${before}*** more`);
  assert.equal(redactor.text('eyJhbGci alone'), 'eyJhbGci alone');
});

test('a long line takes no longer than its parts (covers: SEC-112)', () => {
  const started = process.cpuUsage();
  for (const part of [
    ...['eyJaaaaaaaa-', 'eyJaaaaaaaa.', 'eyJaaaaaaaa.eyJ', 'Bearer ', '?sig=', '?X-Amz-', '%3FX-Amz-', 'token'],
    ...['"password', '"password"', '"password" ', '"password":"\\', '\\"', '\\"password\\":\\"\\\\\\"', '\\\\'],
    ...['-----BEGIN PRIVATE KEY-----', '-----BEGIN A', '-----END A', 'a://', 'a.', 'a://b', 'aaaa '],
  ])
    redactor.text(part.repeat(Math.ceil(524_288 / part.length)));
  // Quadratic work would take minutes.
  assert.ok(process.cpuUsage(started).user < 15_000_000);
});
