// kill -9 in the middle of writing: what was acknowledged is there afterwards, whole, and the state is free again.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { StoreLockedError } from '../../src/store/errors.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const script = fileURLToPath(new URL('../support/store-writer.ts', import.meta.url));

function startWriter(context: TestContext, path: string) {
  const child = spawn(process.execPath, [script, path, '16'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  context.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, ended, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

test('keeps every acknowledged write when the process is killed while writing', {
  timeout: 60_000,
}, async (context) => {
  const directory = temporaryDirectory(context);
  for (const round of [1, 2, 3]) {
    const target = join(directory, `round-${round}.db`);
    const acknowledged = new Map<string, number>();
    const { child, ended, lines } = startWriter(context, target);
    await lines.next();
    let count = 0;
    for (let line = await lines.next(); !line.done; line = await lines.next()) {
      const [name = '', size] = line.value.split(' ');
      acknowledged.set(name, Number(size));
      count += 1;
      if (count === 150 * round) child.kill('SIGKILL');
    }
    assert.deepEqual(await ended, [null, 'SIGKILL']);

    const store = await openSqliteStore({ path: target, clock: new FakeClock(), log: silentLogger });
    context.after(() => store.close());
    assert.equal(store.setAside, undefined);
    assert.ok(acknowledged.size > 0);
    for (const [name, size] of acknowledged) {
      const spec = Number((await store.get('Thing', name))?.spec);
      // One more may have been kept whose acknowledgement the kill cut off.
      assert.ok(spec === size || spec === size + 1, `${name}: acknowledged ${size}, found ${spec}`);
    }
    await store.close();
  }
});

test('is locked by another process, which is named, until that one dies', { timeout: 30_000 }, async (context) => {
  const path = join(temporaryDirectory(context), 'state.db');
  const { child, ended, lines } = startWriter(context, path);
  await lines.next();
  const options = { path, clock: new FakeClock(), log: silentLogger };
  await assert.rejects(
    openSqliteStore(options).then((store) => store.close()),
    (error) => {
      assert.ok(error instanceof StoreLockedError);
      assert.ok(error.message.includes(`process ${child.pid}`), error.message);
      return true;
    },
  );
  child.kill('SIGKILL');
  await ended;
  const store = await openSqliteStore(options);
  await store.close();
});
