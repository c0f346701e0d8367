// The servers of one page are written several at a time, and none is left at work when the list has failed. A list is
// complete when the pages hold as many servers as the Panel says that there are.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { listServers } from '../../../src/panel/listing.ts';
import type { ServerPage } from '../../../src/panel/panel-api.ts';
import { BadRecordError, uuidOfRecord } from '../../../src/panel/server-record.ts';
import type { WriteResult } from '../../../src/panel/server-writer.ts';
import { StoreUnavailableError } from '../../../src/store/errors.ts';
import { uuidOf } from '../../support/an-admission.ts';
import { recordedLog } from '../../support/recorded-log.ts';

class PageBench {
  begun = 0;
  open = 0;
  mostOpen = 0;
  write: () => Promise<WriteResult> = async () => 'written';

  list(records: number) {
    const page = {
      records: Array.from({ length: records }, (_, n) => ({ uuid: uuidOf(n + 1), settings: {} })),
      ...{ currentPage: 1, lastPage: 1, total: records },
    };
    const writer = {
      ticket: () => 1,
      write: async () => {
        this.begun += 1;
        this.open += 1;
        this.mostOpen = Math.max(this.mostOpen, this.open);
        await turn();
        return this.write().finally(() => {
          this.open -= 1;
        });
      },
    };
    const api = { servers: async () => page };
    return listServers({ api, writer, perPage: records, log: recordedLog() }, new AbortController().signal);
  }
}

test('sixteen of a page are written at a time', async () => {
  const bench = new PageBench();
  const { written, uuids, complete } = await bench.list(100);
  assert.deepEqual([written, uuids.size, complete, bench.mostOpen], [100, 100, true, 16]);
});

test('after a failure none is begun, and those under way come to their end', async () => {
  const bench = new PageBench();
  const late = Promise.withResolvers<void>();
  bench.write = async () => {
    if (bench.begun === 16 && bench.open === 16) throw new StoreUnavailableError('the disk is full');
    await late.promise;
    return 'written';
  };
  const list = bench.list(100);
  let ended = false;
  const outcome = assert.rejects(list, StoreUnavailableError).finally(() => {
    ended = true;
  });
  for (let n = 0; n < 10; n += 1) await turn();
  assert.deepEqual([ended, bench.begun, bench.open], [false, 16, 15]);
  late.resolve();
  await outcome;
  assert.deepEqual([bench.begun, bench.open], [16, 0]);
});

/** Lists these pages, of which each scan asks anew. */
async function scan(pages: Pick<ServerPage, 'records' | 'total'>[]) {
  const log = recordedLog();
  let scans = 0;
  const api = {
    servers: async (number: number) => {
      if (number === 0) scans += 1;
      const currentPage = Math.max(1, number);
      return { ...(pages[currentPage - 1] ?? assert.fail()), currentPage, lastPage: pages.length };
    },
  };
  const writer = {
    ticket: () => 1,
    write: async (record: unknown): Promise<WriteResult> => {
      if (uuidOfRecord(record) === undefined) throw new BadRecordError(undefined, 'it has no uuid');
      return 'written';
    },
  };
  const { complete } = await listServers({ api, writer, perPage: 2, log }, new AbortController().signal);
  return { complete, scans };
}

const one = (number: number) => ({ uuid: uuidOf(number), settings: {} });

test('a list that does not say how many servers there are is not complete, whatever it holds', async () => {
  for (const records of [[], [one(1)]])
    assert.deepEqual(await scan([{ records, total: undefined }]), { complete: false, scans: 1 });
  assert.deepEqual(await scan([{ records: [], total: 0 }]), { complete: true, scans: 1 });
});

test('a record without a uuid counts as a server, and once when it stands on two pages', async () => {
  const nameless = { settings: {} };
  const counted = [
    { records: [one(1), nameless], total: 3 },
    { records: [one(2)], total: 3 },
  ];
  assert.deepEqual(await scan(counted), { complete: true, scans: 1 });
  // The third server fell between the pages.
  const hidden = [
    { records: [one(1), nameless], total: 4 },
    { records: [nameless, one(2)], total: 4 },
  ];
  assert.deepEqual(await scan(hidden), { complete: false, scans: 3 });
});
