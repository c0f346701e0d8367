// The thread side of tree-threads.ts: one task after another, each to its end.
import { parentPort } from 'node:worker_threads';
import { runTreeTask, type TreeRequest } from './tree-task.ts';

const port = parentPort;
if (!port) throw new Error('this module runs in a worker thread only');
port.on('message', (request: TreeRequest) => port.postMessage(runTreeTask(request)));
