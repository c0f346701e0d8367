// What the game and the operator do while an archive is made: files that change under it, a cancel, a crash before.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { createArchive } from '../../../src/archive/create/create.ts';
import type { ArchiveProgress } from '../../../src/archive/plan.ts';
import { RateLimit } from '../../../src/archive/rate-limit.ts';
import { manifestOf, rawEntries, unpackedBy } from '../../support/archive-look.ts';
import { createPlan } from '../../support/archive-plans.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { archiveJob } from '../../support/restore-bench.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const mebibyte = 1024 * 1024;

/** Calls back once, between two pieces of content, when so many bytes were read. */
function actsAt(bytes: number, act: () => void): ArchiveProgress {
  let done = 0;
  let acted = false;
  return {
    bytesTotal: 0,
    files: 0,
    get bytesDone() {
      return done;
    },
    set bytesDone(value) {
      done = value;
      if (acted || value < bytes) return;
      acted = true;
      act();
    },
  };
}

for (const [place, others] of [
  ['alone and last', 0],
  ['among others', 3],
] as const) {
  test(`a file that shrinks while it is read is filled with zeros and listed, ${place} (covers: SEC-21) (backups 15.7)`, async (t) => {
    const plan = createPlan(temporaryDirectory(t));
    const content = randomBytes(5 * mebibyte + 100);
    const victim = join(plan.root, 'victim');
    writeFileSync(victim, content);
    for (let i = 0; i < others; i++) writeFileSync(join(plan.root, `other-${i}`), 'other');
    const kept = 2 * mebibyte;
    const facts = await createArchive(
      plan,
      archiveJob({ progress: actsAt(mebibyte / 2, () => truncateSync(victim, kept)) }),
    );
    assert.equal(facts.changed, 1);
    assert.equal(facts.verified, true);
    assert.equal(facts.warnings.length, 1);
    const archived = readFileSync(join(unpackedBy('tar', plan.archive), 'victim'));
    assert.equal(archived.length, content.length);
    const { records } = manifestOf(plan.archive);
    const record = records.find(({ type }) => type === 'changed');
    assert.ok(record?.type === 'changed');
    assert.deepEqual({ ...record, read: 0 }, { type: 'changed', path: 'victim', size: content.length, read: 0 });
    assert.ok(archived.subarray(0, record.read).equals(content.subarray(0, record.read)));
    assert.ok(archived.subarray(record.read).every((byte) => byte === 0));
    assert.ok(record.read >= mebibyte / 2 && record.read <= kept, `${record.read}`);
    assert.equal(facts.contentBytes, content.length + others * 5);
  });
}

test('a file that grows while it is read is cut where it ended (covers: SEC-21) (backups 15.7)', async (t) => {
  const plan = createPlan(temporaryDirectory(t));
  const victim = join(plan.root, 'victim');
  const content = randomBytes(3 * mebibyte);
  writeFileSync(victim, content);
  const grow = () => appendFileSync(victim, randomBytes(mebibyte));
  const facts = await createArchive(plan, archiveJob({ progress: actsAt(mebibyte / 2, grow) }));
  assert.equal(facts.changed, 0);
  assert.ok(readFileSync(join(unpackedBy('tar', plan.archive), 'victim')).equals(content));
});

test('a file that is an endless log never ends the archive late (covers: SEC-21)', async (t) => {
  const plan = createPlan(temporaryDirectory(t));
  const victim = join(plan.root, 'log');
  writeFileSync(victim, 'x'.repeat(2 * mebibyte));
  const progress = { bytesDone: 0, bytesTotal: 0, files: 0 };
  const appender = setInterval(() => appendFileSync(victim, 'y'.repeat(64 * 1024)), 1);
  t.after(() => clearInterval(appender));
  const facts = await createArchive(plan, archiveJob({ progress }));
  assert.equal(facts.contentBytes, progress.bytesDone);
});

test('what vanishes during the walk is skipped, directories too (backups 15.7)', async (t) => {
  const plan = createPlan(temporaryDirectory(t));
  for (const name of ['a', 'b', 'c']) {
    mkdirSync(join(plan.root, name, 'inner'), { recursive: true });
    // More names than one system call returns, so that one more call meets the directory that is gone.
    for (let i = 0; i < 300; i++) writeFileSync(join(plan.root, name, `${'n'.repeat(200)}${i}`), randomBytes(100));
    for (let i = 0; i < 300; i++) writeFileSync(join(plan.root, name, 'inner', `${i}`), randomBytes(100));
  }
  const remove = () => {
    for (const name of ['a', 'b', 'c']) rmSync(join(plan.root, name), { recursive: true, force: true });
  };
  const facts = await createArchive(plan, archiveJob({ progress: actsAt(5000, remove) }));
  assert.ok(facts.entries >= 50 && facts.entries < 1800, `${facts.entries}`);
  assert.equal(facts.verified, true);
});

test('a directory that becomes a link to the host while it is walked is not followed (covers: SEC-01)', async (t) => {
  const directory = temporaryDirectory(t);
  const plan = createPlan(directory);
  mkdirSync(join(directory, 'host'));
  writeFileSync(join(directory, 'host/secret'), 'secret');
  writeFileSync(join(plan.root, 'first'), randomBytes(1000));
  const names = Array.from({ length: 40 }, (_, index) => `d${index}`);
  for (const name of names) {
    mkdirSync(join(plan.root, name));
    writeFileSync(join(plan.root, name, 'secret'), 'mine');
  }
  const swap = () => {
    for (const name of names) {
      renameSync(join(plan.root, name), join(directory, `moved-${name}`));
      symlinkSync(join(directory, 'host'), join(plan.root, name));
    }
  };
  await createArchive(plan, archiveJob({ progress: actsAt(1, swap) }));
  const contents = rawEntries(plan.archive)
    .filter(({ type }) => type === '0')
    .map(({ content }) => content.toString('latin1'));
  assert.ok(contents.every((content) => content !== 'secret'));
});

test('a cancel ends it soon, leaves nothing, and closes what was open (backups 15.14)', async (t) => {
  const plan = createPlan(temporaryDirectory(t), { writeLimit: mebibyte });
  writeFileSync(join(plan.root, 'big'), randomBytes(20 * mebibyte));
  const abort = new AbortController();
  const reason = new Error('enough');
  const running = createArchive(plan, archiveJob({ signal: abort.signal, progress: actsAt(3 * mebibyte, () => {}) }));
  setTimeout(() => abort.abort(reason), 150);
  const before = performance.now();
  await assert.rejects(running, (error) => error === reason);
  assert.ok(performance.now() - before < 1500);
  assert.deepEqual(readdirSync(dirname(plan.archive)), []);
});

test('two hundred cancelled archives leave no descriptor open (backups 15.15)', async (t) => {
  const plan = createPlan(temporaryDirectory(t));
  for (const name of ['a/b/c', 'd']) mkdirSync(join(plan.root, name), { recursive: true });
  for (let i = 0; i < 20; i++) writeFileSync(join(plan.root, i % 2 ? 'a/b/c' : 'd', `${i}`), randomBytes(100_000));
  const attempt = async (bytes: number) => {
    const abort = new AbortController();
    const progress = actsAt(bytes, () => abort.abort(new Error('enough')));
    await createArchive(plan, archiveJob({ signal: abort.signal, progress })).catch((error) => {
      assert.equal(error.message, 'enough');
    });
  };
  await attempt(1);
  const before = readdirSync('/proc/self/fd').length;
  for (let i = 0; i < 200; i++) await attempt(i * 10_000);
  const after = readdirSync('/proc/self/fd').length;
  assert.ok(Math.abs(after - before) <= 2, `${before} → ${after}`);
});

test('the partial file of an earlier try of the same operation is no obstacle', async (t) => {
  const plan = createPlan(temporaryDirectory(t));
  const partial = join(dirname(plan.archive), `.${plan.backup}.${plan.operation}.partial`);
  writeFileSync(partial, 'half', { mode: 0o644 });
  const other = join(dirname(plan.archive), `.${plan.backup}.op-0.partial`);
  writeFileSync(other, 'of another operation');
  await createArchive(plan, archiveJob());
  assert.ok(!existsSync(partial) && existsSync(other));
  assert.equal(statSync(plan.archive).mode & 0o777, 0o600);
});

test('a link in the place of the partial file is not followed', async (t) => {
  const directory = temporaryDirectory(t);
  const plan = createPlan(directory);
  writeFileSync(join(directory, 'canary'), 'untouched');
  symlinkSync(join(directory, 'canary'), join(dirname(plan.archive), `.${plan.backup}.${plan.operation}.partial`));
  await createArchive(plan, archiveJob());
  assert.equal(readFileSync(join(directory, 'canary'), 'utf8'), 'untouched');
});

test('a server without a directory, and a directory for backups that is none, are errors without paths', async (t) => {
  const plan = createPlan(temporaryDirectory(t));
  const check = async (wrong: typeof plan, code: string) => {
    await assert.rejects(createArchive(wrong, archiveJob()), (error: Error & { code?: string }) => {
      assert.equal(error.code, code);
      assert.doesNotMatch(error.message, /\//);
      return true;
    });
  };
  await check({ ...plan, root: join(plan.root, 'missing') }, 'NOT_FOUND');
  await check({ ...plan, archive: join(plan.root, 'missing/x.tar.gz') }, 'FAILED');
});

test('what is nested too deep is left out with a warning, and the archive can be read (covers: SEC-20)', async (t) => {
  const plan = createPlan(temporaryDirectory(t), { verify: true });
  let path = plan.root;
  for (let depth = 1; depth <= 150; depth++) {
    path = join(path, 'd');
    mkdirSync(path);
    writeFileSync(join(path, 'file'), String(depth));
  }
  const { entries, skipped, verified, warnings } = await createArchive(plan, archiveJob());
  assert.deepEqual({ entries, skipped, verified }, { entries: 128, skipped: 1, verified: true });
  assert.deepEqual(warnings, ['what is nested more than 128 directories deep was left out']);
});

test('the write limit holds for the compressed stream (backups 15.18)', async (t) => {
  const limit = 4 * mebibyte;
  const plan = createPlan(temporaryDirectory(t), { writeLimit: limit, verify: false });
  writeFileSync(join(plan.root, 'noise'), randomBytes(4 * mebibyte));
  writeFileSync(join(plan.root, 'zeros'), Buffer.alloc(40 * mebibyte));
  const start = performance.now();
  const { size } = await createArchive(plan, archiveJob());
  const seconds = (performance.now() - start) / 1000;
  assert.ok(size / seconds <= limit * 1.05, `${size} bytes in ${seconds} s`);
  assert.ok(seconds < (size / limit) * 1.05 + 1, `${size} bytes in ${seconds} s`);
});

test('a rate limit lets nothing pass that is not due, and a second of what was left unused at once', async () => {
  const clock = new FakeClock();
  const limit = new RateLimit(1000, clock);
  const { signal } = new AbortController();
  let passed = 0;
  const pass = async (bytes: number) => {
    await limit.take(bytes, signal);
    passed += bytes;
  };
  const all = (async () => {
    for (let i = 0; i < 10; i++) await pass(500);
  })();
  await clock.advance(1000);
  assert.equal(passed, 1000);
  await clock.advance(4000);
  await all;
  assert.equal(passed, 5000);
  await clock.advance(60_000);
  await pass(1000);
  const late = pass(1);
  await clock.advance(0);
  assert.equal(passed, 6000);
  await clock.advance(1);
  await late;
});
