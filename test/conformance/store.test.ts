// Every store of this repository against the suite that defines the interface.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { storeConformance } from './store.ts';

storeConformance('MemoryStore', async (options) => {
  const store = new MemoryStore(options);
  return { store, close: () => store.close() };
});

storeConformance('SqliteStore', async (options) => {
  const directory = await mkdtemp(join(tmpdir(), 'aileron-store-'));
  const store = await openSqliteStore({ ...options, path: join(directory, 'state.db'), log: silentLogger });
  return {
    store,
    async close() {
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
});
