// How many durable writes a second the store takes, beside the simplest thing that could be done: SQLite on the same
// thread, one transaction a write. Both in one run, in turns, on the same disk, so that their ratio means something on
// any machine. Usage: node test/bench/store.ts [writes a round]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '../../src/clock/clock.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { thing } from '../support/things.ts';
import { figure, median } from './support/figure.ts';

const writesARound = Number(process.argv[2] ?? 2_000);
const rounds = 5;
/** About what a Server object has. */
const payload = 'x'.repeat(2_000);

const directory = mkdtempSync(join(tmpdir(), 'aileron-bench-'));
try {
  await run();
} finally {
  rmSync(directory, { recursive: true });
}

async function run(): Promise<void> {
  const store = await openSqliteStore({ path: join(directory, 'state.db'), clock: systemClock, log: silentLogger });
  const baseline = openBaseline(join(directory, 'baseline.db'));
  const write = async (name: string, size: number) => {
    await store.update(thing(name, { spec: { size, payload } }));
  };
  const baselineWrite = async (name: string, size: number) => baseline.write(name, JSON.stringify({ size, payload }));
  for (let n = 0; n < 64; n += 1) await store.create(thing(`n${n}`));

  console.log(`${writesARound} writes of ${payload.length} bytes a round, median of ${rounds} rounds`);
  for (const writers of [1, 64]) {
    const found = { store: [] as number[], baseline: [] as number[] };
    for (let round = 0; round < rounds; round += 1) {
      found.baseline.push(await writesASecond(writers, baselineWrite));
      found.store.push(await writesASecond(writers, write));
    }
    const [ours, theirs] = [median(found.store), median(found.baseline)];
    figure({ what: `store, ${writers} writers: durable writes`, value: ours, unit: '/s' });
    figure({ what: `store, ${writers} writers: against SQLite on the same thread`, value: ours / theirs, unit: '×' });
  }
  const halt = await longestHalt(write);
  figure({ what: 'store, 64 writers: longest halt of the main thread', value: halt, unit: 'ms' });
  const baselineHalt = await longestHalt(baselineWrite);
  figure({ what: 'SQLite on the same thread, 64 writers: longest halt', value: baselineHalt, unit: 'ms' });
  baseline.close();
  await store.close();
}

/** Reads the object, writes it and its history, one transaction each: the same work without the thread and the group. */
function openBaseline(path: string) {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE object (name TEXT PRIMARY KEY, json TEXT) WITHOUT ROWID');
  database.exec('CREATE TABLE history (revision INTEGER PRIMARY KEY, json TEXT)');
  const read = database.prepare('SELECT json FROM object WHERE name = ?');
  const put = database.prepare(
    'INSERT INTO object VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET json = excluded.json',
  );
  const append = database.prepare('INSERT INTO history (json) VALUES (?)');
  return {
    write(name: string, json: string) {
      database.exec('BEGIN');
      read.get(name);
      put.run(name, json);
      append.run(json);
      database.exec('COMMIT');
    },
    close: () => database.close(),
  };
}

async function writesASecond(writers: number, write: (name: string, size: number) => Promise<void>): Promise<number> {
  let left = writesARound;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: writers }, async (_, n) => {
      while (left > 0) {
        left -= 1;
        await write(`n${n}`, left + Math.random());
      }
    }),
  );
  return (writesARound / (performance.now() - start)) * 1_000;
}

async function longestHalt(write: (name: string, size: number) => Promise<void>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 1);
    last = now;
  }, 1);
  await writesASecond(64, write);
  longest = Math.max(longest, performance.now() - last);
  clearInterval(timer);
  return longest;
}
