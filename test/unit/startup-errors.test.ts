import assert from 'node:assert/strict';
import test from 'node:test';
import { ConfigError } from '../../src/config/config-error.ts';
import { listenOrExplain, startupSentence } from '../../src/startup-errors.ts';
import { StoreLockedError } from '../../src/store/errors.ts';

const at = { host: '127.0.0.1', port: 8443 };

for (const [code, expected] of [
  [
    'EADDRINUSE',
    /^Port 8443 of 127\.0\.0\.1, where the kube API should listen, is in use: .* set kube\.port in aileron\.yml\.$/,
  ],
  ['EADDRNOTAVAIL', /^The address 127\.0\.0\.1, .* set kube\.host in aileron\.yml\.$/],
  ['EACCES', /^Port 8443, .* is not allowed .* set kube\.port/],
  ['EOTHER', /^The kube API cannot listen on 127\.0\.0\.1:8443: boom\.$/],
] as const) {
  test(`a door that cannot listen says why and what to do: ${code}`, async () => {
    const failure = Object.assign(new Error('boom'), { code });
    const attempt = listenOrExplain('kube', at, () => Promise.reject(failure));
    await assert.rejects(attempt, (error: Error) => {
      assert.match(startupSentence(error) ?? '', expected);
      assert.equal(error.cause, failure);
      return true;
    });
  });
}

test('what a person can mend has a sentence, a defect has none', () => {
  assert.equal(startupSentence(new ConfigError('so it is')), 'so it is');
  assert.equal(startupSentence(new StoreLockedError('held by 12')), 'held by 12');
  assert.equal(startupSentence(new TypeError('x is undefined')), undefined);
});

test('a taken port of the node API points to the other daemon of the node', async () => {
  const failure = Object.assign(new Error('boom'), { code: 'EADDRINUSE' });
  await assert.rejects(
    listenOrExplain('api', { host: '0.0.0.0', port: 8080 }, () => Promise.reject(failure)),
    /^StartupError: Port 8080 of 0\.0\.0\.0, where the node API should listen, is in use: .*Wings, or set api\.port in config\.yml\.$/,
  );
});
