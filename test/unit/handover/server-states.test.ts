import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type ServerChanges, ServerStatesKeeper } from '../../../src/handover/server-states.ts';
import { statesOf } from '../../../src/handover/states-file.ts';
import type { ProcessState, Server } from '../../../src/resources/server.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { recordedLog } from '../../support/recorded-log.ts';

const [one, two, three] = [1, 2, 3].map((n) => `${String(n).repeat(8)}-1111-4111-8111-111111111111`) as [
  string,
  string,
  string,
];

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'states-'));
  path = join(directory, 'states.json');
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function open() {
  const clock = new FakeClock();
  const log = recordedLog();
  return { keeper: await ServerStatesKeeper.open({ path, clock, log }), clock, log };
}

class Servers implements ServerChanges {
  #handler: Parameters<ServerChanges['onChange']>[0] = () => {};
  readonly #synced = Promise.withResolvers<void>();

  onChange(handler: Parameters<ServerChanges['onChange']>[0]): () => void {
    this.#handler = handler;
    return () => {
      this.#handler = () => {};
    };
  }

  synced(): Promise<void> {
    return this.#synced.promise;
  }

  know(): void {
    this.#synced.resolve();
  }

  set(uuid: string, state?: ProcessState, type: 'ADDED' | 'MODIFIED' | 'DELETED' = 'MODIFIED'): void {
    this.#handler({ type, object: { spec: { uuid }, ...(state ? { status: { state } } : {}) } as Server });
  }
}

const onDisk = async () => JSON.parse(await readFile(path, 'utf8'));

describe('what is found at the start', () => {
  test('a Wings that was swapped out tells what ran', async () => {
    await writeFile(path, JSON.stringify({ [one]: 'running', [two]: 'starting', [three]: 'stopping' }));
    const { keeper } = await open();
    assert.deepEqual(
      [one, two, three, 'other'].map((uuid) => keeper.firstPower(uuid)),
      ['Running', 'Running', 'Stopped', 'Stopped'],
    );
    assert.deepEqual(
      [one, two, three, 'other'].map((uuid) => keeper.leftBehind(uuid)),
      ['running', 'starting', 'stopping', 'offline'],
    );
  });

  test('what this daemon wrote itself is known better by its store, but serves when that was lost', async () => {
    await writeFile(path, JSON.stringify({ aileron: 'offline', [one]: 'running' }));
    const { keeper } = await open();
    assert.equal(keeper.firstPower(one), 'Running');
    assert.equal(keeper.leftBehind(one), undefined);
    assert.equal(keeper.leftBehind(two), undefined);
  });

  for (const [title, make] of [
    ['nothing', async () => {}],
    ['no JSON', () => writeFile(path, 'not JSON')],
    ['a list', () => writeFile(path, '["running"]')],
    ['a file without end', () => symlink('/dev/zero', path)],
    ['a pipe', async () => void execFileSync('/usr/bin/mkfifo', [path])],
    ['a directory', () => mkdir(path)],
    ['far too much', () => writeFile(path, `{"a":"${'x'.repeat(1024 * 1024)}"}`)],
  ] as const) {
    test(`${title} says nothing, and nobody is stopped for it`, async () => {
      await make();
      const { keeper, log } = await open();
      assert.deepEqual(keeper.atStart, { states: new Map(), byAnother: false });
      assert.equal(keeper.firstPower(one), 'Stopped');
      assert.equal(keeper.leftBehind(one), undefined);
      assert.equal(log.find({ level: 'warn' }).length, title === 'nothing' ? 0 : 1);
    });
  }

  test('odd entries are left out, the others count', () => {
    const text = `{"${one}":"running","${two}":"flying","${three}":5,"../x":"running","__proto__":"running"}`;
    assert.deepEqual(statesOf(text), { states: new Map([[one, 'running']]), byAnother: true });
  });
});

describe('what is written', () => {
  test('what was found of a server stays until it is looked at, also over a restart', async () => {
    await writeFile(path, JSON.stringify({ [one]: 'running', [two]: 'running' }));
    const { keeper, clock } = await open();
    const servers = new Servers();
    keeper.follow(servers);
    servers.set(two, undefined, 'ADDED');
    servers.know();
    await clock.advance(0);
    await keeper.settled();
    assert.deepEqual(await onDisk(), { aileron: 'offline', [one]: 'running', [two]: 'running' });
    assert.equal((await open()).keeper.firstPower(one), 'Running');
    servers.set(two, 'offline');
    servers.set(one, undefined, 'DELETED');
    await clock.advance(1_000);
    await keeper.settled();
    assert.deepEqual(await onDisk(), { aileron: 'offline', [two]: 'offline' });
  });

  test('each change, in the form that Wings reads', async () => {
    const { keeper, clock } = await open();
    const servers = new Servers();
    keeper.follow(servers);
    servers.set(two, 'running', 'ADDED');
    servers.set(one, undefined, 'ADDED');
    servers.know();
    await clock.advance(0);
    await keeper.settled();
    assert.equal(await readFile(path, 'utf8'), `{"aileron":"offline","${one}":"offline","${two}":"running"}\n`);
    assert.equal((await stat(path)).mode & 0o777, 0o644);
    servers.set(one, 'starting');
    await clock.advance(500);
    await keeper.settled();
    assert.equal((await onDisk())[one], 'starting');
    servers.set(two, 'offline', 'DELETED');
    await clock.advance(500);
    await keeper.settled();
    assert.deepEqual(await onDisk(), { aileron: 'offline', [one]: 'starting' });
    assert.deepEqual(await readdir(directory), ['states.json']);
  });

  test('nothing until all servers are known: the file may be all there is', async () => {
    await writeFile(path, JSON.stringify({ [one]: 'running' }));
    const { keeper, clock } = await open();
    const servers = new Servers();
    keeper.follow(servers);
    servers.set(two, 'running', 'ADDED');
    await clock.advance(60_000);
    await keeper.close();
    assert.deepEqual(await onDisk(), { [one]: 'running' });
  });

  test('many changes at once share a write, the last one is never lost', async () => {
    const { keeper, clock } = await open();
    const servers = new Servers();
    keeper.follow(servers);
    servers.know();
    await clock.advance(0);
    await keeper.settled();
    const { ino } = await stat(path);
    for (let n = 0; n < 50; n += 1) servers.set(one, n % 2 ? 'running' : 'starting');
    await clock.advance(499);
    assert.equal((await stat(path)).ino, ino);
    await keeper.close();
    assert.equal((await onDisk())[one], 'running');
  });

  test('the same again is not written', async () => {
    const { keeper, clock } = await open();
    const servers = new Servers();
    keeper.follow(servers);
    servers.set(one, 'running');
    servers.know();
    await clock.advance(0);
    await keeper.settled();
    const { ino } = await stat(path);
    servers.set(one, 'running');
    await clock.advance(10_000);
    await keeper.close();
    assert.equal((await stat(path)).ino, ino);
  });

  test('a disk that refuses is told, and tried again later', async () => {
    await mkdir(path);
    const { keeper, clock, log } = await open();
    const servers = new Servers();
    keeper.follow(servers);
    servers.set(one, 'running');
    servers.know();
    await clock.advance(0);
    await keeper.settled();
    await rm(path, { recursive: true });
    await clock.advance(29_000);
    await keeper.settled();
    assert.deepEqual(await readdir(directory), []);
    await clock.advance(1_000);
    await keeper.settled();
    assert.equal((await onDisk())[one], 'running');
    assert.equal(
      log.find({ level: 'warn', message: 'the states of servers cannot be written for a Wings that may follow' })
        .length,
      1,
    );
  });
});
