// Bodies of requests as both Panels send them, and as nobody should.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestRefused, refusals } from '../../src/http/wings/http-errors.ts';
import { parseFields } from '../../src/http/wings/json-body.ts';

const refusedWith = (refusal: unknown) => (error: unknown) =>
  error instanceof RequestRefused && error.refusal === refusal;

for (const text of [
  '{"action":"start"}',
  '{"action":"start"} trailing',
  '{"action":"start"}{"action":"stop"}',
  ' \n{"action":"start"}]',
  '{"ACTION":"start","unknown":[1,{"a":"}"}]}',
  '{"action":"stop","Action":"start"}',
  '{"action":"start","Action":null}',
  '{"action":"start"}\u0000',
]) {
  test(`the first value counts, whatever the capitals of its names: ${JSON.stringify(text)} (traps 6)`, () => {
    assert.equal(parseFields(text).text('action'), 'start');
  });
}

test('what is absent or null is the empty value (traps 6)', () => {
  for (const text of ['{}', 'null', 'null and more', '{"a":null,"b":null,"c":null,"d":null,"e":null}']) {
    const fields = parseFields(text);
    const values = [fields.text('a'), fields.flag('b'), fields.integer('c'), fields.texts('d'), fields.objects('e')];
    assert.deepEqual(values, ['', false, 0, [], []]);
    assert.equal(fields.object('f').text('x'), '');
  }
});

test('a body of nothing says so, with a text of its own', () => {
  for (const text of ['', ' \r\n\t']) assert.throws(() => parseFields(text), refusedWith(refusals.emptyBody));
});

test('what is no object, cut off, or no JSON is refused', () => {
  for (const text of ['[]', '"a"', '5', 'true', '{"a":', '{"a":1', '{a:1}', 'nul', '}', '\ufeff{}', "{'a':1}"]) {
    assert.throws(() => parseFields(text), refusedWith(refusals.badRequest), text);
  }
});

test('a value of another type is refused where it is read', () => {
  const fields = parseFields('{"a":1,"b":"yes","c":5.5,"d":"x","e":[1],"f":[[]],"g":[],"h":2}');
  const wrong = [
    () => fields.text('a'),
    () => fields.flag('b'),
    () => fields.flag('h'),
    () => fields.integer('c'),
    () => fields.integer('d'),
    () => fields.texts('d'),
    () => fields.texts('e'),
    () => fields.objects('f'),
    () => fields.object('g'),
  ];
  for (const read of wrong) assert.throws(read, refusedWith(refusals.badRequest), String(read));
});

test('what the Panels let through as a boolean is one', () => {
  const fields = parseFields('{"a":1,"b":"1","c":"true","d":0,"e":"0","f":"false","g":true}');
  assert.deepEqual(
    [...'abcdefg'].map((name) => fields.flag(name)),
    [true, true, true, false, false, false, true],
  );
});

test('keys that every object has are refused, wherever they are, and change nothing (covers: SEC-55)', () => {
  for (const text of [
    '{"__proto__":{"x":1}}',
    '{"\\u005f_proto__":{"x":1}}',
    '{"constructor":{"prototype":{"x":1}}}',
    '{"action":"kill","servers":[{"deep":{"prototype":null}}]}',
  ])
    assert.throws(() => parseFields(text), refusedWith(refusals.badRequest), text);
  assert.equal(({} as Record<string, unknown>)['x'], undefined);
  const fields = parseFields('{"action":"__proto__"}');
  assert.equal(fields.text('action'), '__proto__', 'a value is no key');
  assert.equal(fields.text('tostring'), '');
});

test('nesting is bounded, and as deep as it may be is taken (covers: SEC-53)', () => {
  const nested = (depth: number) => `{"a":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`;
  assert.equal(parseFields(nested(32)).has('a'), true);
  assert.throws(() => parseFields(nested(33)), refusedWith(refusals.badRequest));
  assert.throws(() => parseFields('['.repeat(1_000_000)), refusedWith(refusals.badRequest));
});
