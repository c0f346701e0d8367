// The console of real containers: bytes as they are, whatever they are and however many.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import type { AttachedConsole } from '../../src/docker/engine.ts';
import { needsDocker, ownLabel, testBody, testImage, uniqueName } from '../support/docker.ts';

const skip = await needsDocker();
const docker = createDockerEngine(process.env);
const options = { skip, timeout: 60_000 };

test('the keys that detach by default reach the process and cut nothing off', options, async (t) => {
  const { console, seen } = await running(t, 'stty raw -echo; echo ready; cat');
  await seen('ready');
  await console.write(Buffer.from('\u0010\u0011'));
  await console.write(Buffer.from('still here'));
  assert.ok((await seen('still here')).includes('\u0010\u0011'));
});

test('bytes that are no text pass unchanged in both directions', options, async (t) => {
  const { console, seen } = await running(t, 'stty raw -echo; echo ready; cat');
  await seen('ready');
  const bytes = Buffer.from([...Array(256).keys()]);
  await console.write(bytes);
  await console.write(Buffer.from('end'));
  assert.ok((await seen('end')).includes(bytes.toString('latin1')));
});

test('megabytes of output arrive whole, also when the reader pauses', options, async (t) => {
  const lines = 400_000;
  const { console } = await running(t, `stty raw -echo; seq 1 ${lines}`);
  const hash = createHash('sha256');
  let pauses = 3;
  for await (const piece of console.output) {
    hash.update(piece);
    if (pauses-- > 0) await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const expected = createHash('sha256');
  for (let line = 1; line <= lines; line++) expected.update(`${line}\n`);
  assert.equal(hash.digest('hex'), expected.digest('hex'));
});

test('a thousand writes without waiting keep their order', options, async (t) => {
  const { console, seen } = await running(t, 'stty raw -echo; echo ready; cat');
  await seen('ready');
  const lines = [...Array(1000).keys()].map((line) => `line ${line}\n`);
  await Promise.all([...lines.map((line) => console.write(Buffer.from(line))), console.write(Buffer.from('end'))]);
  assert.ok((await seen('end')).endsWith(`${lines.join('')}end`));
});

test('input survives the end of the console that sent it', options, async (t) => {
  const { console, seen, id } = await running(t, 'echo ready; while read line; do echo "got $line"; done');
  await seen('ready');
  console.close();
  const second = await docker.attachContainer(id, { tty: true, stdin: true });
  t.after(() => second.close());
  await second.write(Buffer.from('again\n'));
  assert.ok((await reader(second)('got again')).length > 0);
});

test('output and errors of a container without a terminal come without headers', options, async (t) => {
  const { console, id } = await running(t, 'echo out; echo err >&2; exit 0', { Tty: false });
  let text = '';
  for await (const piece of console.output) text += piece.toString();
  assert.deepEqual(text.split('\n').sort(), ['', 'err', 'out']);
  const log = await docker.containerLogs(id, { tty: false });
  assert.deepEqual(log.toString().split('\n').sort(), ['', 'err', 'out']);
});

async function running(t: TestContext, startup: string, changes: { Tty?: boolean } = {}) {
  const image = await testImage();
  const body = testBody(image, startup, { Labels: ownLabel(t, docker), ...changes });
  const { id } = await docker.createContainer(uniqueName(), body);
  const console = await docker.attachContainer(id, { tty: body.Tty, stdin: true });
  t.after(() => console.close());
  await docker.startContainer(id);
  return { id, console, seen: reader(console) };
}

/** Reads on until the words have come; answers everything since the beginning, one character a byte. */
function reader(console: AttachedConsole): (words: string) => Promise<string> {
  const pieces = console.output[Symbol.asyncIterator]();
  let text = '';
  return async (words) => {
    while (!text.includes(words)) {
      const { value, done } = await pieces.next();
      if (done) assert.fail(`the console ended before "${words}": ${text.slice(-200)}`);
      text += value.toString('latin1');
    }
    return text;
  };
}
