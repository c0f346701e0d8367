// The thread side of tree-threads.ts: one task after another, each to its end.
import { flushCompileCache } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { runTreeTask, type TreeRequest } from './tree-task.ts';

const port = parentPort;
if (!port) throw new Error('this module runs in a worker thread only');
// Written when the thread ends otherwise, and it may never end in order.
flushCompileCache();
port.on('message', (request: TreeRequest) => port.postMessage(runTreeTask(request)));
