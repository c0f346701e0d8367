// A process that writes to a store until it is killed, and prints each write after it was acknowledged: "name size".
// Usage: store-writer.ts DATABASE WRITERS
import { systemClock } from '../../src/clock/clock.ts';
import type { StoredObject } from '../../src/resources/object.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { thing } from './things.ts';

const [path, writers] = process.argv.slice(2);
if (!path) throw new Error('usage: store-writer.ts DATABASE WRITERS');
const store = await openSqliteStore({ path, clock: systemClock, log: silentLogger });
await print('ready');
await Promise.all(Array.from({ length: Number(writers) }, (_, n) => write(`n${n}`)));

async function write(name: string): Promise<void> {
  await acknowledge(await store.create(thing(name, { spec: 0 })));
  for (let size = 1; ; size += 1) await acknowledge(await store.update(thing(name, { spec: size })));
}

function acknowledge({ metadata, spec }: StoredObject): Promise<void> {
  return print(`${metadata.name} ${spec}`);
}

/** Resolves when the line is out of this process, so that a writer is never more than one write ahead of its reader. */
function print(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(`${line}\n`, (error) => (error ? reject(error) : resolve()));
  });
}
