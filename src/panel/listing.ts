// All servers of this node, page by page, a few pages at a time and none kept longer than it takes to write it. The pages
// of a Panel have no order: a server may stand on two of them, and then another on none, which the number of servers tells.
import { hash } from 'node:crypto';
import type { Logger } from '../telemetry/log.ts';
import type { PanelApi, ServerPage } from './panel-api.ts';
import { PanelUnreadableError } from './panel-errors.ts';
import { BadRecordError, uuidOfRecord } from './server-record.ts';
import type { ServerWriter } from './server-writer.ts';

export interface ListingOptions {
  api: Pick<PanelApi, 'servers'>;
  writer: Pick<ServerWriter, 'write' | 'ticket'>;
  perPage: number;
  log: Logger;
}

export interface Listing {
  uuids: Set<string>;
  /** Every server of the Panel is in it. */
  complete: boolean;
  written: number;
  /** Digests of the records without a uuid: the same one on two pages is one. */
  nameless: Set<string>;
}

const pagesAtATime = 4;

/** Of one page: each waits for the disk to be flushed, and those that wait together share it. */
const recordsAtATime = 16;

/** No node has so many; a Panel that says so is not believed. */
const mostPages = 2_000;

/** Of one page, whatever the Panel puts there. */
const mostRecords = 5_000;

/** More servers than that are no node's. */
const mostServers = 10_000;

/** Looks until the pages agree with the number of servers. */
const mostScans = 3;

/** Throws what the Panel's answer of any page throws; what was written by then stays. */
export async function listServers(options: ListingOptions, signal: AbortSignal): Promise<Listing> {
  const { log } = options;
  const listing: Listing = { uuids: new Set(), complete: false, written: 0, nameless: new Set() };
  for (let scan = 1; scan <= mostScans && !listing.complete; scan += 1) {
    const total = await scanPages(options, listing, signal);
    if (total === undefined) {
      log.warn({}, 'the Panel does not say how many servers there are: none is taken to be missing');
      return listing;
    }
    // Records without a uuid are counted by the Panel too.
    listing.complete = listing.uuids.size + listing.nameless.size >= total;
  }
  if (!listing.complete) log.warn({ servers: listing.uuids.size }, 'the pages of the Panel leave servers out');
  return listing;
}

/** Answers how many servers the Panel says there are. */
async function scanPages(options: ListingOptions, listing: Listing, signal: AbortSignal): Promise<number | undefined> {
  const { api, perPage, writer } = options;
  const fetchPage = async (number: number, within: AbortSignal) => {
    const ticket = writer.ticket();
    const page = await api.servers(number, perPage, within);
    await writePage(options, page, ticket, listing, within);
    return page;
  };
  const first = await fetchPage(0, signal);
  if (first.lastPage > mostPages) throw new PanelUnreadableError(`the Panel speaks of ${first.lastPage} pages`);

  const failure = new AbortController();
  const within = AbortSignal.any([signal, failure.signal]);
  let next = first.currentPage;
  const worker = async () => {
    while (next < first.lastPage && !within.aborted) {
      next += 1;
      await fetchPage(next, within);
    }
  };
  const workers = Array.from({ length: Math.min(pagesAtATime, first.lastPage - first.currentPage) }, worker);
  try {
    await Promise.all(workers);
  } catch (error) {
    failure.abort(error);
    await Promise.allSettled(workers);
    throw error;
  }
  return first.total;
}

async function writePage(
  { writer, log }: ListingOptions,
  { records, currentPage }: ServerPage,
  ticket: number,
  listing: Listing,
  signal: AbortSignal,
): Promise<void> {
  if (records.length > mostRecords) log.warn({ page: currentPage, records: records.length }, 'a page is cut short');
  await eachOf(records.slice(0, mostRecords), recordsAtATime, async (record) => {
    signal.throwIfAborted();
    const uuid = uuidOfRecord(record);
    const [seen, key] = uuid === undefined ? [listing.nameless, digestOf(record)] : [listing.uuids, uuid];
    if (seen.has(key)) return;
    seen.add(key);
    if (seen.size > mostServers) throw new PanelUnreadableError(`the Panel lists more than ${mostServers} servers`);
    try {
      if ((await writer.write(record, ticket)) === 'written') listing.written += 1;
    } catch (error) {
      // It was said of the one server; the others go on.
      if (!(error instanceof BadRecordError)) throw error;
    }
  });
}

function digestOf(record: unknown): string {
  return hash('sha256', JSON.stringify(record));
}

/** So many at a time. After a failure none is begun any more, and it is thrown when those under way have ended. */
async function eachOf<T>(items: readonly T[], atATime: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async () => {
    try {
      while (left.length > 0) await work(left.shift() as T);
    } catch (error) {
      left.length = 0;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: atATime }, worker));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
}
