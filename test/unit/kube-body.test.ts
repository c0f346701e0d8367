import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeObject } from '../../src/http/kube/body.ts';
import { StatusError } from '../../src/http/kube/status.ts';
import { inspectJson } from '../../src/http/kube/strict-json.ts';

function decode(text: string | Buffer, type?: string) {
  return decodeObject(Buffer.from(text), type);
}

function refused(code: number, message: RegExp) {
  return (error: unknown) =>
    error instanceof StatusError && error.status.code === code && message.test(error.status.message ?? '');
}

test('reads objects in JSON and YAML by the exact media type (covers: SEC-55)', () => {
  assert.deepEqual(decode('{"a":1}').value, { a: 1 });
  assert.deepEqual(decode('{"a":1}', 'application/json; charset=utf-8').value, { a: 1 });
  assert.deepEqual(decode('a: 1\n', 'application/yaml').value, { a: 1 });
  for (const type of [
    'application/json\ta',
    'application/json garbage',
    'text/json',
    'application/vnd.kubernetes.protobuf',
  ]) {
    assert.throws(() => decode('{}', type), refused(415, /media types/), type);
  }
});

test('refuses keys that reach a prototype, in any format (covers: SEC-55, SEC-95)', () => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    assert.throws(
      () => decode(`{"metadata":{"labels":{"${key}":{"polluted":"yes"}}}}`),
      refused(400, /is not allowed/),
    );
    assert.throws(
      () => decode(`metadata:\n  ${key}:\n    polluted: yes\n`, 'application/yaml'),
      refused(400, /is not allowed/),
    );
  }
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test('bounds depth and size of what a body becomes (covers: SEC-53)', () => {
  assert.throws(() => decode(`{"a":${'['.repeat(40)}${']'.repeat(40)}}`), refused(400, /nests deeper/));
  assert.throws(() => decode(`a: ${'['.repeat(2000)}`, 'application/yaml'), refused(400, /YAML/));
  assert.throws(
    () => decode(`a: ${'['.repeat(40)}${']'.repeat(40)}`, 'application/yaml'),
    refused(400, /nests deeper/),
  );
  assert.throws(() => decode(`{"a":[${'1,'.repeat(250_000)}1]}`), refused(400, /more than 200000 values/));
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (let level = 0; level < 12; level += 1) {
    const [here, below] = [String.fromCharCode(98 + level), String.fromCharCode(97 + level)];
    bomb.push(`${here}: &${here} [${Array(9).fill(`*${below}`).join(',')}]`);
  }
  assert.throws(() => decode(bomb.join('\n'), 'application/yaml'), refused(400, /YAML/));
});

test('refuses what is no object, no JSON and no UTF-8', () => {
  assert.throws(() => decode('[]'), refused(400, /not an object/));
  assert.throws(() => decode('null'), refused(400, /not an object/));
  assert.throws(() => decode('{"a":'), refused(400, /not valid JSON/));
  assert.throws(() => decode(''), refused(400, /no body/));
  assert.throws(() => decode(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])), refused(400, /UTF-8/));
  assert.throws(() => decode('a: 1\na: 2\n', 'application/yaml'), refused(400, /DUPLICATE_KEY/));
  assert.throws(() => decode(`a: ${'x'.repeat(300_000)}`, 'application/yaml'), refused(400, /send JSON/));
});

test('finds keys stated twice, with their path', () => {
  const text = '{"spec":{"a":1,"list":[{"x":"} \\" {","x":2},{"x":1}],"a":2},"a":{"a":{}}, "a" : 1}';
  JSON.parse(text);
  assert.deepEqual(inspectJson(text), { depth: 4, duplicates: ['spec.list[0].x', 'spec.a', 'a'] });
});
