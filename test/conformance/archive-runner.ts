// What every ArchiveRunner promises: a plan goes in, counters come out, one result or one error ends it, and nothing of a
// job is left when its promise has settled.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import type { ArchiveProgress, PathFacts, StagePlan } from '../../src/archive/plan.ts';
import { ArchiveError, type ArchiveRunner } from '../../src/archive/runner.ts';
import { createPlan } from '../support/archive-plans.ts';
import { noLimits, restoreOwner } from '../support/restore-bench.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { lookOfTree } from '../support/tree-look.ts';

const mebibyte = 1024 * 1024;
const never = new AbortController().signal;

export function archiveRunnerConformance(name: string, open: () => ArchiveRunner): void {
  const opened = (t: TestContext): ArchiveRunner => {
    const runner = open();
    t.after(() => runner.close());
    return runner;
  };

  test(`${name}: makes an archive, verifies it, and brings the tree back`, async (t) => {
    const runner = opened(t);
    const directory = temporaryDirectory(t);
    const plan = createPlan(directory);
    mkdirSync(join(plan.root, 'world/empty'), { recursive: true });
    writeFileSync(join(plan.root, 'world/level.dat'), randomBytes(3 * mebibyte));
    const seen: ArchiveProgress[] = [];
    const facts = await runner.run(plan, { signal: never, onProgress: (progress) => seen.push({ ...progress }) });
    assert.equal(facts.size, statSync(plan.archive).size);
    assert.equal(facts.entries, 1);
    const last = seen.at(-1);
    assert.deepEqual([last?.bytesDone, last?.bytesTotal, last?.files], [3 * mebibyte, 3 * mebibyte, 1]);

    const { archive } = plan;
    const { checksum } = facts;
    const verified = await runner.run(
      {
        ...{ kind: 'verify', archive, checksum, readLimit: 0, limits: noLimits },
        into: { root: plan.root, paths: ['world'], mode: 'merge' },
      },
      { signal: never },
    );
    assert.equal(verified.growthBytes, 0);
    assert.deepEqual([verified.checksum, verified.entries, verified.size], [checksum, 1, facts.size]);

    const staging = join(directory, '.restore/server/operation');
    const stage: StagePlan = {
      ...{ kind: 'stage', archive, checksum, paths: [], mode: 'truncate', readLimit: 0, limits: noLimits },
      ...{ root: plan.root, staging, ...restoreOwner },
    };
    const restored = await runner.run(stage, { signal: never });
    assert.equal(restored.files, 1);
    const look = (root: string) => lookOfTree(root, { times: 'none' });
    assert.deepEqual(look(join(staging, 'new')), look(plan.root));
    assert.deepEqual(await runner.run({ kind: 'discard', staging }, { signal: never }), { kept: false });
  });

  test(`${name}: an error keeps its code and names no path`, async (t) => {
    const runner = opened(t);
    const plan = createPlan(temporaryDirectory(t));
    writeFileSync(plan.archive, 'no archive');
    await assert.rejects(
      runner.run({ kind: 'verify', archive: plan.archive, readLimit: 0, limits: noLimits }, { signal: never }),
      (error) => {
        assert.ok(error instanceof ArchiveError);
        assert.equal(error.code, 'NOT_AN_ARCHIVE');
        assert.doesNotMatch(error.message, /\//);
        return true;
      },
    );
  });

  test(`${name}: counters come a few times a second and never fall`, async (t) => {
    const runner = opened(t);
    const plan = createPlan(temporaryDirectory(t), { writeLimit: 4 * mebibyte, verify: false });
    writeFileSync(join(plan.root, 'noise'), randomBytes(4 * mebibyte));
    const seen: { at: number; bytes: number }[] = [];
    await runner.run(plan, {
      signal: never,
      onProgress: ({ bytesDone }) => seen.push({ at: performance.now(), bytes: bytesDone }),
    });
    assert.ok(seen.length >= 2 && seen.length <= 7, `${seen.length} in a second`);
    assert.ok(seen.every(({ bytes }, index) => bytes >= (seen[index - 1]?.bytes ?? 0)));
  });

  test(`${name}: a cancel ends a job soon with the reason, and nothing of it is left`, async (t) => {
    const runner = opened(t);
    const plan = createPlan(temporaryDirectory(t), { writeLimit: mebibyte });
    writeFileSync(join(plan.root, 'noise'), randomBytes(30 * mebibyte));
    const abort = new AbortController();
    const reason = new Error('enough');
    let cancelledAt = 0;
    const cancel = () => {
      cancelledAt ||= performance.now();
      abort.abort(reason);
    };
    const running = runner.run(plan, {
      signal: abort.signal,
      onProgress: ({ bytesDone }) => bytesDone > 0 && cancel(),
    });
    await assert.rejects(running, (error) => error === reason);
    assert.ok(performance.now() - cancelledAt < 1000);
    assert.deepEqual(readdirSync(dirname(plan.archive)), []);
  });

  test(`${name}: what is cancelled before it begins does not begin`, async (t) => {
    const runner = opened(t);
    const plan = createPlan(temporaryDirectory(t));
    const reason = new Error('enough');
    await assert.rejects(runner.run(plan, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
    assert.deepEqual(readdirSync(dirname(plan.archive)), []);
  });

  test(`${name}: closing ends what runs and refuses the rest`, async (t) => {
    const runner = opened(t);
    const plan = createPlan(temporaryDirectory(t), { writeLimit: mebibyte });
    writeFileSync(join(plan.root, 'noise'), randomBytes(30 * mebibyte));
    const running = runner.run(plan, { signal: never });
    const ended = assert.rejects(running, /going down/);
    await runner.close();
    await ended;
    await assert.rejects(runner.run(plan, { signal: never }), /going down/);
    assert.deepEqual(readdirSync(dirname(plan.archive)), []);
  });

  test(`${name}: one path of an archive comes as a stream, told before its first byte`, async (t) => {
    const runner = opened(t);
    const plan = createPlan(temporaryDirectory(t), { verify: false });
    const content = randomBytes(2 * mebibyte);
    writeFileSync(join(plan.root, 'file'), content);
    await runner.run(plan, { signal: never });
    const output = new PassThrough();
    const order: string[] = [];
    output.once('data', () => order.push('data'));
    const found: PathFacts[] = [];
    const reading = runner.readPath({ kind: 'read-path', archive: plan.archive, path: 'file' }, output, {
      signal: never,
      onFound: (facts) => {
        order.push('found');
        found.push(facts);
      },
    });
    const [received] = await Promise.all([buffer(output), reading]);
    assert.ok(received.equals(content));
    assert.deepEqual(found, [{ type: 'file', size: content.length }]);
    assert.deepEqual(order, ['found', 'data']);
  });

  test(`${name}: a path that an archive does not have is an error, and nothing was written`, async (t) => {
    const runner = opened(t);
    const plan = createPlan(temporaryDirectory(t), { verify: false });
    await runner.run(plan, { signal: never });
    const output = new PassThrough();
    await assert.rejects(
      runner.readPath({ kind: 'read-path', archive: plan.archive, path: 'missing' }, output, {
        signal: never,
        onFound: () => assert.fail('nothing is there'),
      }),
      { code: 'NOT_FOUND' },
    );
    assert.equal(output.readableLength, 0);
  });

  test(`${name}: whoever stops listening to a path ends its job`, async (t) => {
    const runner = opened(t);
    const plan = createPlan(temporaryDirectory(t), { verify: false });
    writeFileSync(join(plan.root, 'file'), randomBytes(8 * mebibyte));
    await runner.run(plan, { signal: never });
    const output = new Writable({
      write(_chunk, _encoding, done) {
        done(new Error('nobody is there'));
      },
    });
    output.on('error', () => {});
    await assert.rejects(
      runner.readPath({ kind: 'read-path', archive: plan.archive, path: 'file' }, output, {
        signal: never,
        onFound: () => {},
      }),
    );
  });
}
