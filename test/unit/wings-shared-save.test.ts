// However many ask for a file to be written, one writing is under way and one waits; each caller hears of the one that has
// their change.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sharedSave } from '../../src/http/wings/shared-save.ts';

test('those who come while a file is written share the next writing', async () => {
  const writings: PromiseWithResolvers<void>[] = [];
  const save = sharedSave(() => {
    const writing = Promise.withResolvers<void>();
    writings.push(writing);
    return writing.promise;
  });
  const first = save();
  await nextTurn();
  const later = [save(), save(), save()];
  await nextTurn();
  assert.equal(writings.length, 1);
  writings[0]?.resolve();
  await first;
  await nextTurn();
  assert.equal(writings.length, 2);
  writings[1]?.resolve();
  await Promise.all(later);
  assert.equal(writings.length, 2);
});

test('a writing that fails is told to those who shared it, and the next one is tried', async () => {
  let disk: 'full' | 'fine' = 'full';
  const save = sharedSave(async () => {
    if (disk === 'full') throw new Error('no space');
  });
  const first = save();
  await assert.rejects(first, /no space/);
  disk = 'fine';
  await save();
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
