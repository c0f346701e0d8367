// A process that writes to a store until it is killed, and prints each write after it was acknowledged: "name size".
// Usage: store-writer.ts DATABASE WRITERS
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/clock/clock.ts';
import type { StoredObject } from '../../src/resources/object.ts';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { thing } from './things.ts';

const [path, writers] = process.argv.slice(2);
if (!path) throw new Error('usage: store-writer.ts DATABASE WRITERS');
const store = await openSqliteStore({ path, clock: systemClock, log: silentLogger });
writeSync(1, `ready ${process.pid}\n`);
await Promise.all(Array.from({ length: Number(writers) }, (_, n) => write(`n${n}`)));

async function write(name: string): Promise<void> {
  acknowledge(await store.create(thing(name, { spec: 0 })));
  for (let size = 1; ; size += 1) acknowledge(await store.update(thing(name, { spec: size })));
}

function acknowledge({ metadata, spec }: StoredObject): void {
  writeSync(1, `${metadata.name} ${spec}\n`);
}
