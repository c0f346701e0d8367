// The thread side of done-thread.ts: compiles each server's rules once and tests batches of its lines in order.
import { flushCompileCache } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { type CompiledDone, compileDone } from './done-lines.ts';
import { type LineBatch, linesOf } from './line-queue.ts';

export type DoneRequest =
  | { kind: 'test'; id: number; rules?: { expressions: readonly string[]; stripAnsi: boolean }; batch: LineBatch }
  | { kind: 'forget'; id: number };

export interface DoneReply {
  id: number;
  matched: boolean;
  /** Rules that are no expressions; with the first answer for a server. */
  invalid?: string[];
}

const port = parentPort;
if (!port) throw new Error('this module runs in a worker thread only');
const compiled = new Map<number, CompiledDone>();

// Written when the thread ends otherwise, and it may never end in order.
flushCompileCache();
port.on('message', (request: DoneRequest) => {
  if (request.kind === 'forget') compiled.delete(request.id);
  else port.postMessage(answer(request));
});

function answer({ id, rules, batch }: Extract<DoneRequest, { kind: 'test' }>): DoneReply {
  if (rules) compiled.set(id, compileDone(rules.expressions, rules.stripAnsi));
  const done = compiled.get(id);
  if (!done) throw new Error('a batch came before its rules');
  const matched = linesOf(batch).some((line) => done.matches(line));
  return { id, matched, ...(rules ? { invalid: done.invalid } : {}) };
}
