// README, done as a newcomer does it: in a fresh clone without any package, every command in its order, as printed.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { needsDocker } from '../support/docker.ts';
import { commandBlocks, readDocument } from '../support/markdown.ts';
import { cloneNode, upText } from '../support/npm-start.ts';
import { runProgram } from '../support/run-program.ts';
import { ctrlC, needsTerminal } from '../support/terminal.ts';

const needsKubectl = ['/usr/bin', '/usr/local/bin', ...(process.env.PATH ?? '').split(':')].some((directory) =>
  existsSync(`${directory}/kubectl`),
)
  ? false
  : 'needs kubectl';
const skip = needsKubectl || needsTerminal() || (await needsDocker());

/** How long a command that never ends is watched. */
const watchSeconds = 3;

test('the commands of README work as printed', { skip, timeout: 400_000 }, async (t) => {
  const blocks = commandBlocks(readDocument('README.md'));
  const [start, ...more] = blocks.filter(({ mark }) => mark === 'start');
  assert.equal(start?.commands, 'npm start\n');
  assert.deepEqual(more, []);

  const node = await cloneNode(t, { withPackages: false });
  node.env['npm_config_prefer_offline'] = 'true'; // what npm has fetched once it need not ask for again
  const terminal = node.start();
  await terminal.waitFor(upText, { ms: 200_000 });
  for (const step of ['Node.js 24', 'npm packages', 'Docker Engine', 'demo image', 'configuration']) {
    assert.match(terminal.output(), new RegExp(`^${step}[^\\n]* → .+ \\(\\d+\\.\\d s\\)$`, 'm'));
  }

  const script = blocks
    .filter(({ mark }) => mark === 'run' || mark === 'watch')
    .map(({ mark, commands, line }) => `echo '# README.md:${line}'\n${mark === 'watch' ? watched(commands) : commands}`)
    .join('\n')
    .replaceAll('127.0.0.1:9464', `127.0.0.1:${node.opsPort}`);
  const { code, stdout, stderr } = await runProgram('bash', ['-e', '-x', '-o', 'pipefail', '-c', script], {
    cwd: node.folder,
    env: node.env,
    timeout: 180_000,
  });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  for (const expected of [
    /^server\.aileron\.dev\/demo condition met$/m,
    /^NAME +.*\n(?:.*\n)*demo +/m,
    /Done \(2\.1s\)! For help, type "help"/,
    /^server\.aileron\.dev\/demo patched$/m,
    /^server\.aileron\.dev\/lobby created$/m,
    /^server\.aileron\.dev "lobby" deleted$/m,
    /^controller_runtime_reconcile_total\{/m,
    /^backup\.aileron\.dev\/before completed in (?:under )?\d+s: /m,
    /^restore\.aileron\.dev\/demo-restore-\S+ completed in (?:under )?\d+s: /m,
    /Found the world at tick \d+$/m,
    /^tick \d+$/m,
    /^backup\.aileron\.dev\/demo-before-update condition met$/m,
  ]) {
    assert.match(stdout, expected);
  }

  terminal.press(ctrlC);
  assert.equal(await terminal.ended, 0, terminal.output());
});

/** Ended by Ctrl-C as a person does; timeout(1) then answers 124. */
function watched(commands: string): string {
  return `timeout -s INT ${watchSeconds} ${commands.trim()} || [ $? -eq 124 ]`;
}
