// What every ObjectStore must do: the definition of the interface in src/objectstore/object-store.ts. An implementation
// calls `objectStoreConformance` from a test file of its own.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { type ArchiveKey, type ObjectStore, ObjectStoreError } from '../../src/objectstore/object-store.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface OpenObjectStore {
  store: ObjectStore;
  /** Nothing of it may stand in a message. */
  secret: string;
}

export const serverA = '3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2e';
export const serverB = '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d';
const backup1 = '47363ce7-d70a-430e-8e75-6dc87c8d016d';
const backup2 = '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed';

const never = new AbortController().signal;

export function objectStoreConformance(name: string, make: (t: TestContext) => Promise<OpenObjectStore>): void {
  const key: ArchiveKey = { server: serverA, backup: backup1 };

  /** A file as a finished operation leaves it, in a folder of its own. */
  const aFile = (t: TestContext, content: Buffer): string => {
    const file = join(temporaryDirectory(t), `${backup1}.tar.gz`);
    writeFileSync(file, content);
    return file;
  };
  const kept = async (t: TestContext, at: ArchiveKey = key, content = randomBytes(70_000)) => {
    const { store, secret } = await make(t);
    await store.put(at, aFile(t, content), { signal: never });
    return { store, secret, content };
  };
  const listed = async (store: ObjectStore, server?: string) => {
    const keys: string[] = [];
    for await (const one of store.list(server)) keys.push(`${one.key.server}/${one.key.backup} ${one.size}`);
    return keys.sort();
  };

  describe(`${name}: archives`, () => {
    test('what was put is there as it was, and its file is gone', async (t) => {
      const { store } = await make(t);
      const content = randomBytes(300_000);
      const file = aFile(t, content);
      const sent: number[] = [];
      await store.put(key, file, { signal: never, onBytes: (bytes) => sent.push(bytes) });
      assert.equal(existsSync(file), false);
      assert.equal(sent.at(-1), content.length);
      assert.deepEqual((await store.stat(key))?.key, key);
      assert.equal((await store.stat(key))?.size, content.length);
      assert.ok(content.equals(await buffer(await store.read(key))));
    });

    test('to put again after a crash is harmless, whatever was done before it', async (t) => {
      const { store, content } = await kept(t);
      const file = aFile(t, content);
      await store.put(key, file, { signal: never });
      await store.put(key, file, { signal: never });
      assert.ok(content.equals(await buffer(await store.read(key))));
    });

    test('to put what is nowhere is refused', async (t) => {
      const { store } = await make(t);
      const missing = join(temporaryDirectory(t), 'missing.tar.gz');
      await assert.rejects(store.put(key, missing, { signal: never }), isCode('NOT_FOUND'));
    });

    test('what is cancelled is not put', async (t) => {
      const { store } = await make(t);
      const reason = new Error('cancelled');
      const file = aFile(t, randomBytes(10));
      await assert.rejects(store.put(key, file, { signal: AbortSignal.abort(reason) }), (error) => error === reason);
      assert.equal(await store.stat(key), undefined);
    });

    test('a range holds both of its ends', async (t) => {
      const { store, content } = await kept(t);
      for (const [start, end] of [
        [0, 0],
        [10, 65_999],
        [69_999, 69_999],
      ] as const) {
        const read = await buffer(await store.read(key, { start, end }));
        assert.ok(content.subarray(start, end + 1).equals(read), `${start} to ${end}`);
      }
    });

    test('what is deleted while it is read is read to its end', async (t) => {
      const { store, content } = await kept(t, key, randomBytes(2_000_000));
      const source: Readable = await store.read(key);
      assert.equal(await store.delete(key), true);
      assert.equal(await store.stat(key), undefined);
      assert.ok(content.equals(await buffer(source)));
    });

    test('to delete answers whether there was one', async (t) => {
      const { store } = await kept(t);
      assert.equal(await store.delete({ server: serverA, backup: backup2 }), false);
      assert.equal(await store.delete(key), true);
      assert.equal(await store.delete(key), false);
    });

    test('lists all of one server or of all', async (t) => {
      const { store } = await kept(t);
      await store.put({ server: serverB, backup: backup2 }, aFile(t, randomBytes(10)), { signal: never });
      const ofA = `${serverA}/${backup1} 70000`;
      const ofB = `${serverB}/${backup2} 10`;
      assert.deepEqual(await listed(store), [ofA, ofB]);
      assert.deepEqual(await listed(store, serverB), [ofB]);
      assert.deepEqual(await listed(store, backup1), []);
    });

    test('an archive is there for its own server alone (covers: SEC-99)', async (t) => {
      const { store } = await kept(t);
      const others: ArchiveKey = { server: serverB, backup: backup1 };
      assert.equal(await store.stat(others), undefined);
      await assert.rejects(store.read(others), isCode('NOT_FOUND'));
      assert.equal(await store.delete(others), false);
      assert.ok(await store.stat(key));
    });

    test('nothing but canonical uuids makes a name (covers: SEC-99)', async (t) => {
      const { store } = await make(t);
      for (const bad of ['', '..', '../x', backup1.toUpperCase(), `${backup1}/..`, `${backup1}\0`, `${backup1}\n`]) {
        for (const at of [
          { server: bad, backup: backup1 },
          { server: serverA, backup: bad },
        ]) {
          await assert.rejects(store.stat(at), isCode('BAD_KEY'));
          await assert.rejects(store.read(at), isCode('BAD_KEY'));
          await assert.rejects(store.delete(at), isCode('BAD_KEY'));
          await assert.rejects(store.put(at, aFile(t, randomBytes(1)), { signal: never }), isCode('BAD_KEY'));
        }
        if (bad !== backup1) await assert.rejects(listed(store, bad), isCode('BAD_KEY'));
      }
    });

    test('what is missing is told without a path of the host (covers: SEC-99)', async (t) => {
      const { store, secret } = await make(t);
      await assert.rejects(
        store.read(key),
        (error: Error) => isCode('NOT_FOUND')(error) && !error.message.includes(secret),
      );
    });
  });
}

export function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ObjectStoreError && error.code === code;
}
