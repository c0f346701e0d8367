import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { sweepArchives } from '../../src/objectstore/local-janitor.ts';
import { LocalObjectStore } from '../../src/objectstore/local-store.ts';
import { readSidecar } from '../../src/objectstore/sidecar.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const server = '3f1c9c9e-6c1c-4d39-8f0a-6f2f4f8c1d2e';
const other = '9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d';
const backup = '47363ce7-d70a-430e-8e75-6dc87c8d016d';
const key = { server, backup };
const never = new AbortController().signal;

function sidecarText(parts: object = {}): string {
  return JSON.stringify({
    ...{ version: 1, server, backup, operation: 'uid-1-1', size: 4, format: 'gzip', entries: 1, contentBytes: 9 },
    ...{ checksum: { type: 'sha1', value: 'a'.repeat(40) }, changed: 0, skipped: 0, verified: true },
    ...{ created: '2026-01-01T00:00:00Z', daemonVersion: '0.1.0' },
    ...parts,
  });
}

function aStore(t: TestContext, layout: 'per_server' | 'flat' = 'per_server') {
  const directory = temporaryDirectory(t);
  const store = new LocalObjectStore({ directory, layout });
  /** As a job leaves it. */
  const write = (folder: string, name: string, content: string) => {
    mkdirSync(join(directory, folder), { recursive: true });
    writeFileSync(join(directory, folder, name), content);
  };
  return { directory, store, write };
}

const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

describe('local archives', () => {
  test('are kept per server, 0600 in a directory of mode 0700 (covers: SEC-99)', async (t) => {
    const { directory, store } = aStore(t);
    const file = join(temporaryDirectory(t), 'x.tar.gz');
    writeFileSync(file, 'gzip', { mode: 0o600 });
    await store.put(key, file, { signal: never });
    assert.equal(mode(join(directory, server)), '700');
    assert.equal(mode(join(directory, server, `${backup}.tar.gz`)), '600');
  });

  test('take their sidecar along, and lose it and the empty directory with it', async (t) => {
    const { directory, store, write } = aStore(t);
    const from = temporaryDirectory(t);
    writeFileSync(join(from, 'x.tar.gz'), 'gzip');
    writeFileSync(join(from, 'x.json'), sidecarText());
    await store.put(key, join(from, 'x.tar.gz'), { signal: never });
    assert.equal((await store.sidecar(key))?.operation, 'uid-1-1');
    assert.deepEqual(readdirSync(from), []);

    write(server, 'other.txt', '');
    await store.delete(key);
    assert.deepEqual(readdirSync(join(directory, server)), ['other.txt']);
    await store.deleteServer(server);
    assert.deepEqual(readdirSync(directory), []);
  });

  const memory = '/dev/shm';
  const elsewhere = existsSync(memory) && statSync(memory).dev !== statSync(tmpdir()).dev;
  test('that come from another file system are copied whole', { skip: !elsewhere }, async (t) => {
    const { directory, store } = aStore(t);
    const from = mkdtempSync(join(memory, 'aileron-'));
    t.after(() => rmSync(from, { recursive: true, force: true }));
    writeFileSync(join(from, 'x.tar.gz'), 'x'.repeat(200_000));
    writeFileSync(join(from, 'x.json'), sidecarText());
    const sent: number[] = [];
    await store.put(key, join(from, 'x.tar.gz'), { signal: never, onBytes: (bytes) => sent.push(bytes) });
    assert.deepEqual(readdirSync(from), []);
    assert.deepEqual(readdirSync(join(directory, server)), [`${backup}.json`, `${backup}.tar.gz`]);
    assert.equal(mode(join(directory, server, `${backup}.tar.gz`)), '600');
    assert.ok(sent.length > 1 && sent.at(-1) === 200_000);

    writeFileSync(join(from, 'x.tar.gz'), 'y'.repeat(200_000));
    const abort = new AbortController();
    await assert.rejects(
      store.put(key, join(from, 'x.tar.gz'), { signal: abort.signal, onBytes: () => abort.abort(new Error('stop')) }),
    );
    assert.deepEqual(readdirSync(join(directory, server)), [`${backup}.json`, `${backup}.tar.gz`]);
    assert.equal((await buffer(await store.read(key))).toString('latin1', 0, 1), 'x');
  });

  test('of both layouts are read and removed, and new ones are written as configured (backups 15.17)', async (t) => {
    for (const [layout, path] of [
      ['per_server', join(server, `${backup}.tar.gz`)],
      ['flat', `${backup}.tar.gz`],
    ] as const) {
      const { directory, store, write } = aStore(t, layout);
      {
        using place = await store.place(key);
        assert.equal(place.path, join(directory, path));
      }
      for (const folder of [server, '.']) {
        write(folder, `${backup}.tar.gz`, 'gzip');
        assert.equal((await buffer(await store.read(key))).toString(), 'gzip');
        assert.equal(await store.delete(key), true);
        assert.equal(await store.stat(key), undefined);
      }
    }
  });

  test('in the flat layout are there for the server that their sidecar names (covers: SEC-99)', async (t) => {
    const { store, write, directory } = aStore(t, 'flat');
    write('.', `${backup}.tar.gz`, 'gzip');
    assert.ok(await store.stat({ server: other, backup }), 'without a sidecar the caller says whose it is');
    write('.', `${backup}.json`, sidecarText());
    assert.ok(await store.stat(key));
    assert.equal(await store.stat({ server: other, backup }), undefined);
    assert.equal(await store.delete({ server: other, backup }), false);
    assert.ok(existsSync(join(directory, `${backup}.tar.gz`)));
    const listed = await Array.fromAsync(store.list(server));
    assert.deepEqual(
      listed.map((one) => one.key),
      [key],
    );
    assert.deepEqual(await Array.fromAsync(store.list(other)), []);
  });

  test('are regular files: a link of that name is none (covers: SEC-99)', async (t) => {
    const { directory, store, write } = aStore(t);
    write('elsewhere', 'secret', 'secret');
    write(server, 'x', '');
    symlinkSync(join(directory, 'elsewhere', 'secret'), join(directory, server, `${backup}.tar.gz`));
    assert.equal(await store.stat(key), undefined);
    await assert.rejects(store.read(key), /There is no such archive/);
  });

  test('keep the directory in which somebody is about to write', async (t) => {
    const { directory, store, write } = aStore(t);
    write(server, `${backup}.tar.gz`, 'gzip');
    {
      using place = await store.place({ server, backup: other });
      await store.delete(key);
      assert.ok(existsSync(join(place.path, '..')));
    }
    write(server, `${backup}.tar.gz`, 'gzip');
    await store.delete(key);
    assert.deepEqual(readdirSync(directory), []);
  });

  test('of a server are removed where none was ever made', async (t) => {
    const { directory, store } = aStore(t);
    rmSync(directory, { recursive: true, force: true });
    await store.deleteServer(server);
    assert.equal(existsSync(directory), false);
  });

  test('may be removed by several at the same time', async (t) => {
    const { directory, store, write } = aStore(t);
    for (let round = 0; round < 20; round += 1) {
      write(server, `${backup}.tar.gz`, 'gzip');
      write(server, `${backup}.json`, sidecarText());
      await Promise.all([store.delete(key), store.delete(key), store.deleteServer(server), store.removePartials(key)]);
      assert.deepEqual(readdirSync(directory), []);
    }
  });

  test('that cannot be written are told without a path of the host (covers: SEC-99)', async (t) => {
    const { directory } = aStore(t);
    writeFileSync(join(directory, 'file'), '');
    const store = new LocalObjectStore({ directory: join(directory, 'file'), layout: 'per_server' });
    await assert.rejects(store.place(key), (error: Error) => !error.message.includes(directory));
  });
});

describe('sidecars', () => {
  const read = (t: TestContext, text: string) => {
    const path = join(temporaryDirectory(t), 'x.json');
    writeFileSync(path, text);
    return readSidecar(path);
  };

  test('that are not understood say nothing', async (t) => {
    assert.ok(await read(t, sidecarText()));
    for (const text of ['', 'null', '[]', '{', sidecarText({ version: 2 }), sidecarText({ size: -1 })])
      assert.equal(await read(t, text), undefined, text);
    assert.equal(await read(t, sidecarText({ checksum: { type: 'sha1', value: 'x' } })), undefined);
    assert.equal(await read(t, sidecarText({ more: 'x'.repeat(70_000) })), undefined);
    assert.equal(await readSidecar(join(temporaryDirectory(t), 'missing', 'x.json')), undefined);
  });
});

describe('the sweep of the backup directory', () => {
  test('removes partials and sidecars of nobody, and counts archives', async (t) => {
    const { directory, write } = aStore(t);
    write(server, `.${backup}.uid-1-1.partial`, '');
    write(server, `.${backup}.json.0123456789ab.tmp`, '');
    write('.', `.${other}.uid-2-1.partial`, '');
    write(server, `${backup}.json`, sidecarText());
    write(other, `${other}.tar.gz`, 'gzip');
    write(other, `${other}.json`, sidecarText());
    write('.', 'notes.json', '{}');
    const result = await sweepArchives(directory, () => false, never);
    assert.deepEqual(result, { partials: 2, sidecars: 2, archives: [other] });
    assert.deepEqual(readdirSync(directory, { recursive: true }).sort(), [
      server,
      other,
      `${other}/${other}.json`,
      `${other}/${other}.tar.gz`,
      'notes.json',
    ]);
  });

  test('leaves what an operation under way still writes, and what is not ours', async (t) => {
    const { directory, write } = aStore(t);
    write(server, `.${backup}.uid-1-1.partial`, '');
    write(server, `.${backup}.json.0123456789ab.tmp`, '');
    write(server, `${backup}.json`, sidecarText());
    write(server, `${other}.json`, '{"not":"ours"}');
    const result = await sweepArchives(directory, (operation) => operation === 'uid-1-1', never);
    assert.deepEqual(result, { partials: 0, sidecars: 0, archives: [] });
    assert.equal(readdirSync(join(directory, server)).length, 4);
  });

  test('finds nothing where there is no directory', async (t) => {
    const { directory } = aStore(t);
    assert.deepEqual(await sweepArchives(join(directory, 'missing'), () => false, never), {
      partials: 0,
      sidecars: 0,
      archives: [],
    });
  });
});
