// The thread side of egg-configuration.ts: one file after another.
import { flushCompileCache } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { type EggFileTask, editFile } from './edit-file.ts';
import type { EggReply } from './egg-messages.ts';

const port = parentPort;
if (!port) throw new Error('this module runs in a worker thread only');
const say = (reply: EggReply) => port.postMessage(reply);

// Written when the thread ends otherwise, and it may never end in order.
flushCompileCache();
port.on('message', (task: EggFileTask) => {
  say({ kind: 'done', result: editFile(task, () => say({ kind: 'edited' })) });
});
say({ kind: 'ready' });
