// The walk-through of a Panel's node in README, done as it is printed: a pretended Panel in one terminal, the node in
// another, and what is typed at the prompt answered as README says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import { needsDocker } from '../support/docker.ts';
import { freePorts } from '../support/free-ports.ts';
import { type CommandBlock, commandBlocks, readDocument } from '../support/markdown.ts';
import { cloneNode, serverUuids } from '../support/npm-start.ts';
import { runProgram } from '../support/run-program.ts';
import { ctrlC, needsTerminal, openTerminal, type Terminal } from '../support/terminal.ts';
import { until } from '../support/until.ts';

const skip = needsTerminal() || (await needsDocker());
const prompt = 'panel> ';
const patience = { ms: 60_000 };

test('a Panel’s node: the walk-through of README works as printed', { skip, timeout: 300_000 }, async (t) => {
  const text = readDocument('README.md').replaceAll('127.0.0.1:8099', '127.0.0.1:PORT');
  const [port = 0] = await freePorts(1);
  const blocks = commandBlocks(text.replaceAll('127.0.0.1:PORT', `127.0.0.1:${port}`));
  const only = (mark: string) => {
    const [found, ...more] = blocks.filter((block) => block.mark === mark);
    assert.ok(found && more.length === 0, `there is one block of ${mark}`);
    return found.commands;
  };
  const { folder, ...clone } = await cloneNode(t, { withPackages: true });
  const env = { ...clone.env, AILERON_PANEL_PORT: String(port) };
  const panel = openTerminal(t, only('panel'), { cwd: folder, env });
  await panel.waitFor(prompt, { ms: 120_000 });
  // What README says to type is what the Panel shows.
  for (const line of only('node').trim().split('\n')) assert.ok(panel.output().includes(line), line);
  const node = openTerminal(t, `set -e\n${only('node')}`, { cwd: folder, env });
  await node.waitFor('the node is up', patience);

  let uuids: string[] = [];
  for (const block of blocks) {
    if (block.mark === 'ask') await ask(panel, block);
    if (block.mark === 'beside') {
      uuids = await serverUuids(folder);
      const { code, stdout, stderr } = await runProgram('bash', ['-e', '-x', '-c', block.commands], {
        cwd: folder,
        env,
      });
      assert.equal(code, 0, `${stdout}\n${stderr}`);
      assert.match(stdout, new RegExp(`^${uuids[0]} +.*running`, 'm'));
      assert.match(stdout, /^\S+ +.*Completed/m);
    }
  }
  assert.equal(uuids.length, 1);

  const docker = createDockerEngine(env);
  await until('nothing of the server is left', 30_000, async () => {
    const left = await docker.inspectContainer(uuids[0] ?? '');
    return !left && (await serverUuids(folder)).length === 0;
  });
  node.press(ctrlC);
  assert.equal(await node.ended, 0, node.output());
  panel.press('quit\r');
  assert.equal(await panel.ended, 0, panel.output());
});

/** Lines behind the prompt are typed; every other one has to come after them, in this order. Numbers may differ. */
async function ask(panel: Terminal, { commands, line }: CommandBlock): Promise<void> {
  assert.ok(commands.startsWith(prompt), `README.md:${line} begins at the prompt`);
  let from = panel.output().length;
  for (const text of commands.trimEnd().split('\n')) {
    if (text.startsWith(prompt)) {
      from = panel.output().length;
      panel.press(`${text.slice(prompt.length)}\r`);
    } else {
      const pattern = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\d+/g, '\\d+');
      from = await panel.waitForLine(new RegExp(`^${pattern}$`), { ...patience, from });
    }
  }
}
