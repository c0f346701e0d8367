// The thread that has the journal's database: rows that wait are added as one transaction. It opens the file when it is
// first asked for something, and again each time until it could.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { describe, JournalDatabase } from './journal-database.ts';
import type {
  FromJournal,
  JournalAnswer,
  JournalRequest,
  JournalWorkerOptions,
  ToJournal,
} from './journal-messages.ts';

/** Keeps one commit, and with it the wait of the first in line, short. */
const maxBatch = 512;

if (!parentPort) throw new Error('journal-worker.ts runs in a worker thread');
const port = parentPort;
const options = workerData as JournalWorkerOptions;
let database: JournalDatabase | undefined;

port.on('message', (first: ToJournal) => {
  const answers: JournalAnswer[] = [];
  let adding: Extract<JournalRequest, { op: 'add' }>[] = [];
  const add = () => {
    if (adding.length > 0) answers.push(...addAll(adding));
    adding = [];
  };
  let closing = false;
  for (const message of [first, ...waiting()]) {
    if (message.op === 'add') {
      adding.push(message);
      continue;
    }
    add();
    if (message.op === 'close') closing = true;
    else answers.push(answer(message));
  }
  add();
  port.postMessage({ answers, news: database?.takeNews() } satisfies FromJournal);
  if (!closing) return;
  database?.close();
  port.close();
});

function addAll(requests: readonly Extract<JournalRequest, { op: 'add' }>[]): JournalAnswer[] {
  const error = errorOf(() => {
    open().add(
      requests.map(({ row }) => row),
      requests.at(-1)?.now ?? 0,
    );
  });
  return requests.map(({ id }) => ({ id, rows: [], error }));
}

function answer(request: Exclude<JournalRequest, { op: 'add' }>): JournalAnswer {
  const { id } = request;
  const result: JournalAnswer = { id, rows: [], error: undefined };
  result.error = errorOf(() => {
    if (request.op === 'remove') open().remove(request.ids);
    else result.rows = open().page(request.lane, request.after, request.limit);
  });
  return result;
}

function open(): JournalDatabase {
  database ??= JournalDatabase.open(options);
  return database;
}

/** Errors cross the border as texts: nobody decides by their kind. */
function errorOf(work: () => void): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return describe(error);
  }
}

function waiting(): ToJournal[] {
  const messages: ToJournal[] = [];
  while (messages.length < maxBatch) {
    const next = receiveMessageOnPort(port) as { message: ToJournal } | undefined;
    if (!next) break;
    messages.push(next.message);
  }
  return messages;
}
