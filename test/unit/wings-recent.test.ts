// One answer for many who ask within a short time: how old it may be, who waits, and what becomes of a failure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recent } from '../../src/http/wings/recent.ts';
import { FakeClock } from '../support/fake-clock.ts';

class Source {
  readonly clock = new FakeClock();
  readonly questions: PromiseWithResolvers<string>[] = [];
  readonly ask = recent(
    () => {
      const question = Promise.withResolvers<string>();
      this.questions.push(question);
      return question.promise;
    },
    { clock: this.clock, maxAgeMs: 1_000 },
  );

  async answer(text: string): Promise<void> {
    this.questions.at(-1)?.resolve(text);
    await this.questions.at(-1)?.promise;
  }
}

test('all who ask meanwhile wait for one answer, however long it takes', async () => {
  const source = new Source();
  const first = source.ask();
  await source.clock.advance(60_000);
  const second = source.ask();
  assert.equal(source.questions.length, 1);
  await source.answer('one');
  assert.deepEqual(await Promise.all([first, second]), ['one', 'one']);
});

test('its age counts from the question: beyond it nobody gets it any more', async () => {
  const source = new Source();
  const first = source.ask();
  await source.clock.advance(600);
  await source.answer('one');
  assert.equal(await first, 'one');
  await source.clock.advance(399);
  assert.equal(await source.ask(), 'one');
  await source.clock.advance(1);
  const next = source.ask();
  assert.equal(source.questions.length, 2);
  await source.answer('two');
  assert.equal(await next, 'two');
});

test('a failure is told to who waited, and the next one asks again', async () => {
  const source = new Source();
  const waiting = [source.ask(), source.ask()];
  source.questions[0]?.reject(new Error('no engine'));
  for (const one of waiting) await assert.rejects(one, /no engine/);
  const next = source.ask();
  assert.equal(source.questions.length, 2);
  await source.answer('back');
  assert.equal(await next, 'back');
});
