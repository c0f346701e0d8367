// The worker that owns the database: it takes every message that waits, runs the requests as one transaction, and
// answers after the commit. No log, no clock, no configuration of its own.
import { flushCompileCache } from 'node:module';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { runBatch } from './batch.ts';
import { describe, toErrorData } from './error-data.ts';
import type { HeldLock } from './lock.ts';
import type { FromWorker, Request, ToWorker, WorkerOptions } from './messages.ts';
import { ObjectDatabase } from './object-database.ts';
import { openDatabase } from './open.ts';

/** Keeps one commit, and with it the wait of the first in line, short. */
const maxBatch = 512;

if (!parentPort) throw new Error('sqlite-worker.ts runs in a worker thread');
const port = parentPort;
const options = workerData as WorkerOptions;

const opened = open();
if (opened) serve(opened.database, opened.lock);
// Written when the thread ends otherwise, and it may never end in order.
flushCompileCache();

function open(): { database: ObjectDatabase; lock: HeldLock } | undefined {
  try {
    const { database, lock, setAside, warnings } = openDatabase(options.path, options.now);
    const objects = new ObjectDatabase(database, options.historyLimits);
    if (lock.warning) warnings.push(lock.warning);
    send({ type: 'opened', setAside, warnings, revision: objects.revision });
    return { database: objects, lock };
  } catch (error) {
    send({ type: 'refused', error: toErrorData(error) });
    return undefined;
  }
}

function serve(database: ObjectDatabase, lock: HeldLock): void {
  /** RFC 3339: the newest time the main side has told. */
  let now = options.now;

  port.on('message', (first: ToWorker) => {
    const requests: Request[] = [];
    for (const message of [first, ...waiting()]) {
      if (message.type === 'request') requests.push(message.request);
      else {
        answer(requests.splice(0));
        if (message.type === 'close') close();
        else forget(message.now);
      }
    }
    answer(requests);
  });

  function answer(requests: Request[]): void {
    if (requests.length === 0) return;
    for (const request of requests) if (request.op === 'write') now = request.now;
    send({ type: 'batch', outcomes: runBatch(database, requests) });
    if (database.hasTooMuchHistory) forget(now);
  }

  function forget(time: string): void {
    try {
      database.forget(time);
    } catch (error) {
      send({ type: 'problem', message: `old history was not dropped, to be tried again: ${describe(error)}` });
    }
  }

  function close(): void {
    database.close();
    lock.release();
    send({ type: 'closed' });
    port.close();
  }
}

function waiting(): ToWorker[] {
  const messages: ToWorker[] = [];
  while (messages.length < maxBatch) {
    const next = receiveMessageOnPort(port) as { message: ToWorker } | undefined;
    if (!next) break;
    messages.push(next.message);
  }
  return messages;
}

function send(message: FromWorker): void {
  port.postMessage(message);
}
