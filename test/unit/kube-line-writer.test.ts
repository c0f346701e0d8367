import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { writeLine } from '../../src/http/kube/watch/line-writer.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A response whose reader takes one line each time `take` is called. */
function aResponse() {
  const waiting: (() => void)[] = [];
  const response = new Writable({
    highWaterMark: 1,
    write: (_chunk, _encoding, done) => waiting.push(done),
  }) as unknown as ServerResponse;
  return { response, take: () => waiting.shift()?.() };
}

test('a reader that takes nothing for a minute is cut off (covers: SEC-52)', async () => {
  const clock = new FakeClock();
  const { response } = aResponse();
  const written = writeLine(response, 'line\n', clock);
  await clock.advance(59_999);
  assert.equal(response.destroyed, false);
  await clock.advance(1);
  await written;
  assert.equal(response.destroyed, true);
  await writeLine(response, 'more\n', clock);
});

test('a slow reader is waited for', async () => {
  const clock = new FakeClock();
  const { response, take } = aResponse();
  for (let line = 0; line < 3; line += 1) {
    const written = writeLine(response, `${line}\n`, clock);
    await clock.advance(50_000);
    take();
    await written;
  }
  await clock.advance(120_000);
  assert.equal(response.destroyed, false);
});
