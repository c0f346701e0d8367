// npm start when something is in the way: one sentence that names the thing and the remedy, and an exit code.
import assert from 'node:assert/strict';
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsDocker } from '../support/docker.ts';
import { cloneNode, daemonsOf, nodeIn, upText } from '../support/npm-start.ts';
import { ctrlC, needsTerminal } from '../support/terminal.ts';

const skip = needsTerminal() || (await needsDocker());
const options = { skip, timeout: 180_000 };

test('Docker that does not answer where DOCKER_HOST says', { skip: needsTerminal() }, async (t) => {
  const node = await cloneNode(t, { withPackages: true });
  node.env['DOCKER_HOST'] = 'unix:///nowhere/docker.sock';
  const terminal = node.start();
  assert.equal(await terminal.ended, 1);
  assert.match(
    terminal.output(),
    /^Docker does not answer at DOCKER_HOST=unix:\/\/\/nowhere\/docker\.sock \(ENOENT\); start it there, or unset DOCKER_HOST\.$/m,
  );
});

test('a configuration that cannot be read', options, async (t) => {
  const node = await cloneNode(t, { withPackages: true });
  const { folder } = node;
  await mkdir(join(folder, '.aileron'), { mode: 0o700 });
  await writeFile(join(folder, '.aileron/config.yml'), 'system: [not, a, mapping\n', { mode: 0o600 });
  const terminal = node.start();
  assert.notEqual(await terminal.ended, 0);
  const sentence = lastLine(terminal.output());
  assert.match(sentence, /config\.yml/);
  assert.match(sentence, /\.$/);
});

test('a setting that is wrong is named with its file', options, async (t) => {
  const node = await cloneNode(t, { withPackages: true });
  const { folder } = node;
  await mkdir(join(folder, '.aileron'), { mode: 0o700 });
  await writeFile(join(folder, '.aileron/aileron.yml'), 'stopGraceSeconds: soon\n', { mode: 0o600 });
  const terminal = node.start();
  assert.notEqual(await terminal.ended, 0);
  const sentence = lastLine(terminal.output());
  assert.match(sentence, /aileron\.yml/);
  assert.match(sentence, /stopGraceSeconds/);
});

test('a port that another program holds', options, async (t) => {
  const node = await cloneNode(t, { withPackages: true });
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(node.kubePort, '127.0.0.1', resolve));
  t.after(() => void other.close());
  const terminal = node.start();
  assert.notEqual(await terminal.ended, 0);
  const sentence = lastLine(terminal.output());
  assert.match(sentence, new RegExp(`\\b${node.kubePort}\\b`));
  assert.match(sentence, /in use/);
  assert.match(sentence, /kube\.port/);
});

test('a second npm start leaves the node that runs alone', options, async (t) => {
  const node = await cloneNode(t, { withPackages: true });
  const { folder } = node;
  const first = node.start();
  await first.waitFor(upText, { ms: 60_000 });
  const [daemon] = await daemonsOf(folder);

  const other = await nodeIn(t, folder);
  const second = other.start();
  assert.notEqual(await second.ended, 0);
  const sentence = lastLine(second.output());
  assert.match(sentence, new RegExp(`\\b${daemon}\\b`), 'it names the process that holds the state');
  assert.deepEqual(await daemonsOf(folder), [daemon]);

  first.press(ctrlC);
  assert.equal(await first.ended, 0, first.output());
});

test('what npm start wrote is not written again', options, async (t) => {
  const node = await cloneNode(t, { withPackages: true });
  const { folder } = node;
  const first = node.start();
  await first.waitFor(upText, { ms: 60_000 });
  first.press(ctrlC);
  await first.ended;

  await appendFile(join(folder, '.aileron/aileron.yml'), 'stopGraceSeconds: never\n');
  const second = node.start();
  assert.notEqual(await second.ended, 0);
  assert.match(lastLine(second.output()), /stopGraceSeconds/);
});

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
