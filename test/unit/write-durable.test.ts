import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { writeDurable } from '../../src/volumes/write-durable.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'aileron-durable-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a durable write makes or replaces a file whole and leaves nothing beside it', async (t) => {
  const base = folder(t);
  const path = join(base, 'state.json');
  await writeDurable(path, 'one');
  assert.equal(readFileSync(path, 'utf8'), 'one');
  assert.equal(statSync(path).mode & 0o7777, 0o600);
  await writeDurable(path, Buffer.from('two'), { mode: 0o644 });
  assert.equal(readFileSync(path, 'utf8'), 'two');
  assert.equal(statSync(path).mode & 0o7777, 0o644);
  assert.deepEqual(readdirSync(base), ['state.json']);
});

test('a durable write replaces a link and does not follow it', async (t) => {
  const base = folder(t);
  const target = join(base, 'target');
  writeFileSync(target, 'kept');
  symlinkSync(target, join(base, 'name'));
  await writeDurable(join(base, 'name'), 'new');
  assert.equal(readFileSync(target, 'utf8'), 'kept');
  assert.equal(readFileSync(join(base, 'name'), 'utf8'), 'new');
});

test('a durable write that fails leaves what was there', async (t) => {
  const base = folder(t);
  mkdirSync(join(base, 'name'));
  writeFileSync(join(base, 'name', 'inside'), 'kept');
  await assert.rejects(writeDurable(join(base, 'name'), 'new'));
  assert.deepEqual(readdirSync(base), ['name']);
  assert.equal(readFileSync(join(base, 'name', 'inside'), 'utf8'), 'kept');
});

test('parallel durable writes leave one of them whole', async (t) => {
  const base = folder(t);
  const path = join(base, 'file');
  const contents = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(10_000));
  await Promise.all(contents.map((content) => writeDurable(path, content)));
  assert.ok(contents.includes(readFileSync(path, 'utf8')));
  assert.deepEqual(readdirSync(base), ['file']);
});
