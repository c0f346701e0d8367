import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FeatureMatcher } from '../../src/console/feature-matcher.ts';
import { FakeClock } from '../support/fake-clock.ts';

const features = {
  eula: ['You need to agree to the EULA', ''],
  java_version: ['UnsupportedClassVersionError', 'requires running the server with Java'],
};

test('the first phrase of an egg that a line holds is named, whatever the capitals of either', () => {
  const matcher = new FeatureMatcher({ features, stripAnsi: false }, new FakeClock());
  const line = '[main/INFO]: you need to agree to the eula in order to run the server.';
  assert.deepEqual(matcher.match(line), { key: 'eula', pattern: 'You need to agree to the EULA', line });
  const both = 'UNSUPPORTEDCLASSVERSIONERROR, you need to agree to the EULA';
  assert.equal(matcher.match(both)?.key, 'eula', 'one a line');
  assert.equal(matcher.match('Done (1s)!'), undefined, 'an empty phrase finds nothing');
  assert.equal(new FeatureMatcher({ stripAnsi: false }, new FakeClock()).match(line), undefined);
});

test('terminal sequences are in the way unless the egg wants them gone', () => {
  const line = '\x1b[31myou need to \x1b[1magree to the EULA\x1b[0m é';
  assert.equal(new FeatureMatcher({ features, stripAnsi: false }, new FakeClock()).match(line), undefined);
  const { line: shown, pattern } = new FeatureMatcher({ features, stripAnsi: true }, new FakeClock()).match(line) ?? {};
  assert.deepEqual([shown, pattern], ['you need to agree to the EULA é', 'You need to agree to the EULA']);
});

test('many phrases look at the beginning of a long line only', () => {
  const long = `${'x'.repeat(65_000)}needle`;
  const phrases = (count: number) => Array.from({ length: count }, (_, index) => `phrase ${index}`);
  const looksAtAll = new FeatureMatcher(
    { features: { some: [...phrases(63), 'needle'] }, stripAnsi: false },
    new FakeClock(),
  );
  assert.equal(looksAtAll.match(long)?.pattern, 'needle');
  const many = new FeatureMatcher(
    { features: { many: [...phrases(4_095), 'needle'] }, stripAnsi: false },
    new FakeClock(),
  );
  assert.equal(many.match(long), undefined);
  assert.equal(many.match(`${'x'.repeat(1_018)}needle`)?.pattern, 'needle');
});

for (const [phrases, mebibytes] of [
  [1, 1],
  [16, 1],
  [64, 0.25],
] as const) {
  test(`with ${phrases} phrases ${mebibytes} MiB of lines are looked at in a second, whoever is shown them`, async () => {
    const clock = new FakeClock();
    const needles = Array.from({ length: phrases }, (_, index) => `needle ${index}.`);
    const matcher = new FeatureMatcher({ features: { some: needles }, stripAnsi: true }, clock);
    const line = '\x1b[[['.repeat(16_384);
    const lines = (mebibytes * 1024 * 1024) / line.length;
    for (let count = 1; count < lines; count++) assert.equal(matcher.match(line), undefined);
    assert.equal(matcher.match('a needle 0.')?.pattern, 'needle 0.', 'something is left');
    matcher.match(line);
    assert.equal(matcher.match('a needle 0.'), undefined);
    await clock.advance(999);
    assert.equal(matcher.match('a needle 0.'), undefined);
    await clock.advance(1);
    assert.equal(matcher.match('a needle 0.')?.pattern, 'needle 0.');
  });
}
