// The console of the command line: in a pipe, on a terminal, over a restart of the node.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliNode } from '../support/cli-node.ts';
import { needsDocker } from '../support/docker.ts';
import { ctrlC, needsTerminal } from '../support/terminal.ts';

const skip = needsTerminal() || (await needsDocker());
const ctrlD = '\u0004';

async function nodeWithGame(t: Parameters<typeof CliNode.make>[0], tls?: string): Promise<CliNode> {
  const node = await CliNode.make(t, tls === undefined ? {} : { tls });
  await node.start();
  await node.run(['apply', '-f', await node.manifest('demo')]);
  const { code, stderr } = await node.run(['start', 'demo', '--wait']);
  assert.equal(code, 0, stderr);
  return node;
}

test('in a pipe lines come out and commands go in, of a node with TLS too', { skip, timeout: 60_000 }, async (t) => {
  const node = await nodeWithGame(t, 'localhost');
  const commands = Array.from({ length: 9 }, (_, number) => `command ${number}`);
  const { code, stdout, stderr } = await node.run(['console', 'demo'], { input: `${commands.join('\n')}\n` });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^Done \(1s\)!$/m);
  // None is lost to the limits of the node.
  for (const command of commands) assert.match(stdout, new RegExp(`^got ${command}$`, 'm'));
  assert.equal(stderr, '-- demo is running\n');

  const last = await node.run(['console', 'server/demo'], { input: '' });
  assert.equal(last.code, 0);
  assert.match(last.stdout, /^got command 8$/m);

  const doctor = await node.run(['doctor']);
  assert.match(doctor.stdout, /^ok +console +A console opens\.$/m, doctor.stdout);
});

test('on a terminal lines stand above the one being typed; leaving leaves the game alone', {
  skip,
  timeout: 90_000,
}, async (t) => {
  const node = await nodeWithGame(t);
  const console = node.terminal(['console', 'demo']);
  await console.waitFor('Done (1s)!', { ms: 15_000 });
  console.press('hello\r');
  await console.waitFor('got hello', { ms: 10_000 });

  // Half a line is typed while another comes in: it is drawn again, and sent whole.
  console.press('half');
  await console.waitFor('half', { ms: 5_000 });
  const before = console.output().length;
  await node.run(['console', 'demo'], { input: 'from elsewhere\n' });
  await console.waitFor('got from elsewhere\n', { ms: 10_000, from: before });
  await console.waitFor('> half', { ms: 5_000, from: before });
  console.press(' a line\r');
  await console.waitFor('got half a line', { ms: 10_000 });

  // The node restarts: connected again, nothing is printed twice.
  const atRestart = console.output().length;
  await node.stop();
  await console.waitFor('The connection is lost', { ms: 10_000, from: atRestart });
  console.press('too late\r');
  await console.waitFor('this line was not sent', { ms: 5_000, from: atRestart });
  await node.start();
  console.press('again\r');
  await console.waitFor('demo is running', { ms: 30_000 });
  await node.run(['console', 'demo'], { input: 'after the restart\n' });
  await console.waitFor('got after the restart', { ms: 20_000, from: atRestart });
  assert.doesNotMatch(console.output().slice(atRestart), /got hello|got too late/);

  console.press(ctrlC);
  assert.equal(await console.ended, 0, console.output());
  assert.match(console.output(), /You have left the console of demo; the game goes on\./);
  assert.match((await node.run(['get', 'server', 'demo'])).stdout, /running/);

  const second = node.terminal(['console', 'demo']);
  await second.waitFor('> ', { ms: 15_000 });
  second.press(ctrlD);
  assert.equal(await second.ended, 0, second.output());
});

test('the console ends when the server is deleted', { skip, timeout: 60_000 }, async (t) => {
  const node = await nodeWithGame(t);
  const console = node.terminal(['console', 'demo']);
  await console.waitFor('Done (1s)!', { ms: 15_000 });
  await node.run(['delete', 'server', 'demo', '--wait']);
  assert.equal(await console.ended, 3, console.output());
  assert.match(console.output(), /demo was deleted\./);
});

test('top draws itself anew, sorts on demand and gives the terminal back', { skip, timeout: 60_000 }, async (t) => {
  const node = await nodeWithGame(t);
  const top = node.terminal(['top', '--interval', '300ms']);
  await top.waitFor('RECEIVED/S', { ms: 15_000 });
  await top.waitFor('demo', { ms: 5_000 });
  const before = top.output().length;
  await top.waitFor('1 server (1 running)', { ms: 5_000, from: before });
  top.press('n');
  await top.waitFor('sorted by name', { ms: 5_000 });
  top.press('q');
  assert.equal(await top.ended, 0);
  assert.ok(top.output().endsWith('\u001b[?25h\u001b[?1049l'), JSON.stringify(top.output().slice(-40)));
});

test('progress of a wait is shown on a terminal alone', { skip, timeout: 60_000 }, async (t) => {
  const node = await nodeWithGame(t);
  const restart = node.terminal(['restart', 'demo', '--wait']);
  assert.equal(await restart.ended, 0, restart.output());
  assert.match(restart.output(), /^\d\d:\d\d:\d\d demo: stopping \(restart\)$/m);
  assert.match(restart.output(), /^demo: running$/m);
  assert.equal((await node.run(['restart', 'demo', '--wait'])).stderr, '');
});
