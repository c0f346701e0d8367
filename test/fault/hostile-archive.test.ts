// A process of the game, or of somebody else, changes the server's files as fast as it can while an archive of them is made
// and while one is restored: links out, FIFOs, directories and files take each other's place, files grow and shrink. What
// is made is a whole archive of the server's files alone, what is restored stays in its directory, and nothing waits.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createArchive } from '../../src/archive/create/create.ts';
import { ProcessRunner } from '../../src/archive/process-runner.ts';
import { discard } from '../../src/archive/restore/discard.ts';
import { ArchiveError } from '../../src/archive/runner.ts';
import { systemClock } from '../../src/clock/clock.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { VolumeError } from '../../src/volumes/errors.ts';
import { rawEntries } from '../support/archive-look.ts';
import { createPlan } from '../support/archive-plans.ts';
import { startAttacker, stopAttacker, swappedPairs } from '../support/attacker.ts';
import { descriptorsBelow } from '../support/open-descriptors.ts';
import { ourArchive } from '../support/our-archive.ts';
import { archiveJob, RestoreBench } from '../support/restore-bench.ts';

const timeLimitMs = 3_000;
/** Jobs of their own let others go first: on a busy machine that takes. */
const longestMs = 30_000;
const secretText = 'the secret of the host';
const fastFolder = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/** A directory of the host that nothing may happen to, with a FIFO beside it that nobody writes to. */
function makeCanary(t: TestContext): string {
  const base = mkdtempSync(join(fastFolder, 'aileron-canary-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const canary = join(base, 'canary');
  mkdirSync(join(canary, 'deep'), { recursive: true });
  for (const name of ['inner', 'deep/inner']) writeFileSync(join(canary, name), secretText, { mode: 0o600 });
  execFileSync('mkfifo', [`${canary}-fifo`]);
  return canary;
}

function lookOf(canary: string): unknown {
  return readdirSync(canary, { recursive: true, encoding: 'utf8' })
    .concat('.')
    .map((name) => {
      const path = join(canary, name);
      const { ino, mode, uid, gid, size, nlink, mtimeMs, ctimeMs } = lstatSync(path);
      const content = size === secretText.length ? readFileSync(path, 'utf8') : '';
      return { name, ino, mode, uid, gid, size, nlink, mtimeMs, ctimeMs, content };
    });
}

/** What the attacker plays with, directories and files; made again when it was lost. */
function build(root: string): void {
  for (let pair = 0; pair < swappedPairs; pair++) {
    const thing = join(root, `thing-${pair}`);
    const put = (path: string) => attempt(() => writeFileSync(path, 'ours'.repeat(5_000), { flag: 'wx' }));
    if (pair % 2 === 1) put(thing);
    else {
      attempt(() => mkdirSync(join(thing, 'deep'), { recursive: true }));
      for (const name of ['inner', 'deep/inner']) put(join(thing, name));
    }
  }
}

function attempt(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
  }
}

/** Again and again, as long as the attack goes on. Answers how often. */
async function under(root: string, canary: string, work: () => Promise<void>): Promise<number> {
  const before = lookOf(canary);
  const attacker = await startAttacker('riot', root, canary);
  let runs = 0;
  try {
    for (const end = performance.now() + timeLimitMs; performance.now() < end; runs++) {
      const began = performance.now();
      await work();
      assert.ok(performance.now() - began < longestMs, 'something was waited for');
    }
  } finally {
    await stopAttacker(attacker);
  }
  assert.deepEqual(lookOf(canary), before, 'something outside was touched');
  assert.deepEqual([...descriptorsBelow(root), ...descriptorsBelow(canary)], []);
  return runs;
}

test('an archive made under attack is whole, and of the server alone (covers: SEC-01, SEC-08, SEC-21) (backups 15.7)', async (t) => {
  const canary = makeCanary(t);
  const directory = mkdtempSync(join(fastFolder, 'aileron-attacked-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const plan = createPlan(directory);
  build(plan.root);
  let changed = 0;
  const runs = await under(plan.root, canary, async () => {
    const facts = await createArchive(plan, archiveJob());
    assert.equal(facts.verified, true);
    changed += facts.changed + facts.skipped;
    const contents = rawEntries(plan.archive).map(({ content }) => content.toString('latin1'));
    assert.ok(!contents.some((content) => content.includes(secretText)), 'it holds what is not the server’s');
  });
  assert.ok(runs > 5 && changed > 0, `${runs} runs, ${changed} files changed or gone`);
});

test('a restore under attack leaves nothing outside (covers: SEC-01, SEC-03, SEC-06, SEC-08, SEC-19) (backups 15.12)', async (t) => {
  const canary = makeCanary(t);
  const restore = new RestoreBench(t);
  build(restore.root);
  const archive = restore.path('archive.tar.gz');
  await ourArchive(restore.root, archive);
  const ways = ['truncate', 'merge'].flatMap((mode) => ['staged', 'in place'].map((way) => ({ mode, way })));
  const done = new Map<string, number>();
  let run = 0;
  await under(restore.root, canary, async () => {
    const { mode: name, way } = ways[run++ % ways.length] ?? {};
    const mode = name === 'merge' ? 'merge' : 'truncate';
    build(restore.root);
    const restored =
      way === 'staged'
        ? await outcomeOf(restore.restore(archive, { mode }))
        : await outcomeOf(restore.inPlace(archive, { mode }));
    if (restored) done.set(`${mode} ${way}`, (done.get(`${mode} ${way}`) ?? 0) + 1);
    else if (way === 'staged') await outcomeOf(restore.rollBack(mode));
    await discard({ kind: 'discard', staging: restore.staging }, restore.job);
  });
  assert.ok(run > ways.length && done.size > 0, `${run} runs, of them ended well: ${JSON.stringify([...done])}`);
});

test('jobs in processes of their own come to an end under attack too (covers: SEC-08)', async (t) => {
  const canary = makeCanary(t);
  const restore = new RestoreBench(t);
  build(restore.root);
  const runner = new ProcessRunner({ log: silentLogger, clock: systemClock });
  t.after(() => runner.close());
  const { signal } = new AbortController();
  const { archive, ...rest } = createPlan(restore.path('backups'), { root: restore.root });
  const paths = { archive, ...restore.target };
  const limits = { contentBytes: 0, entries: 1_000_000, reserveBytes: 0 };
  const plan = { kind: 'in-place', ...paths, paths: [], mode: 'merge', readLimit: 0, limits } as const;
  let whole = 0;
  await under(restore.root, canary, async () => {
    const facts = await runner.run({ archive, ...rest }, { signal });
    if (facts.verified) whole += 1;
    await outcomeOf(runner.run(plan, { signal }));
  });
  assert.ok(whole > 0);
});

/** Whether it ended well. A refusal is as good, as long as it is one that was thought of. */
async function outcomeOf(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof ArchiveError || error instanceof VolumeError) return false;
    assert.ok(error instanceof Error && 'syscall' in error, String(error));
    return false;
  }
}
