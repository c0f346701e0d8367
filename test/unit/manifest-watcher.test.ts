// The watcher of the manifest directory when watching fails: told, closed, and opened again, later each time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DirectoryWatcher, type WatchListener } from '../../src/manifests/directory-watcher.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { recordedLog } from '../support/recorded-log.ts';

function opened(failsToOpen = false) {
  const clock = new FakeClock();
  const log = recordedLog();
  const opens: { at: number; listener: WatchListener }[] = [];
  let open = 0;
  const watcher = new DirectoryWatcher({
    ...{ directory: '/manifests', onChange: () => {}, clock, log, random: () => 1 },
    async open(_, listener) {
      opens.push({ at: clock.monotonic(), listener });
      if (failsToOpen) throw new Error('no more watches');
      open += 1;
      return {
        close: async () => {
          open -= 1;
        },
      };
    },
  });
  return { clock, log, opens, watcher, open: () => open, last: () => opens.at(-1)?.listener };
}

test('a watcher that fails is closed and opened again, later each time', async () => {
  const { clock, log, opens, watcher, open, last } = opened();
  watcher.start();
  for (let failure = 0; failure < 8; failure += 1) {
    await clock.advance(0);
    assert.equal(open(), 1);
    last()?.onError(new Error('ENOSPC'));
    last()?.onError('twice');
    await clock.advance(0);
    assert.equal(open(), 0);
    await clock.advance(([1, 2, 4, 8, 16, 32, 60, 60][failure] as number) * 1_000);
  }
  assert.equal(opens.length, 9);
  assert.equal(log.find({ level: 'warn' }).length, 8);
  // After a minute of peace the next failure is the first again.
  await clock.advance(60_000);
  last()?.onError(new Error('ENOSPC'));
  await clock.advance(1_000);
  assert.equal(opens.length, 10);
  await watcher.stop();
  assert.equal(open(), 0);
  assert.equal(clock.pendingTimers, 0);
});

test('one that cannot be opened is tried again; another directory is watched at once', async () => {
  const broken = opened(true);
  broken.watcher.start();
  await broken.clock.advance(3_000);
  assert.equal(broken.opens.length, 3);
  await broken.watcher.stop();
  assert.equal(broken.clock.pendingTimers, 0);
  const whole = opened();
  whole.watcher.start();
  await whole.clock.advance(0);
  whole.watcher.reopen();
  await whole.clock.advance(0);
  assert.deepEqual([whole.opens.length, whole.open(), whole.log.lines.length], [2, 1, 0]);
  await whole.watcher.stop();
});
