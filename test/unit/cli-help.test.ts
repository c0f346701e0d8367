// Every command explains itself, docs/cli.md keeps step, and what is wrong with a command line ends with 2.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from 'commander';
import { candidates } from '../../src/cli/completion-words.ts';
import { exitCodeHelp } from '../../src/cli/exit-codes.ts';
import { commandLine, runCommand } from '../../src/cli/program.ts';
import { testIo } from '../support/cli-io.ts';
import { readDocument } from '../support/markdown.ts';

const { program } = commandLine(testIo());
const commands = program.commands.filter((command) => command.name() !== 'complete');
/** Those below others too, each with the words that lead to it. */
const leaves = commands.flatMap((command) => withBelow(command, []));

function withBelow(command: Command, above: readonly string[]): { command: Command; path: string[] }[] {
  const path = [...above, command.name()];
  return [{ command, path }, ...command.commands.flatMap((one) => withBelow(one, path))];
}

async function helpOf(...args: string[]): Promise<string> {
  const io = testIo();
  assert.equal(await runCommand(io, [...args, '--help']), 0);
  assert.equal(io.err(), '');
  return io.out();
}

test('the help lists every command and every exit code', async () => {
  const help = await helpOf();
  for (const command of commands) assert.match(help, new RegExp(`^ {2}${command.name()}\\b`, 'm'));
  for (const [code, meaning] of exitCodeHelp) assert.match(help, new RegExp(`^ {2}${code} {2}${meaning}$`, 'm'));
});

for (const { command, path } of leaves) {
  const words = path.join(' ');

  test(`${words} --help says what it does, each option, and an example`, async () => {
    const help = await helpOf(...path);
    assert.notEqual(command.description(), '');
    for (const option of command.options) {
      assert.notEqual(option.description, '', option.flags);
      assert.ok(help.includes(option.long ?? ''), option.flags);
    }
    for (const argument of command.registeredArguments) assert.notEqual(argument.description, '', argument.name());
    for (const below of command.commands) assert.match(help, new RegExp(`^ {2}${below.name()} `, 'm'));
    assert.match(help, new RegExp(`Examples:\\n(?: {2}.*aileron ${words}\\b.*\\n)+\\nExit codes: aileron --help`));
  });

  test(`docs/cli.md describes ${words} with its options`, () => {
    const [first = '', ...more] = path;
    const section = sectionOf(readDocument('docs/cli.md'), first);
    for (const word of more) assert.match(section, new RegExp(`\`(?:aileron )?(?:${first} )?${word}\\b`), words);
    for (const option of command.options) assert.ok(section.includes(option.long ?? ''), option.flags);
  });
}

test('docs/cli.md lists the exit codes', () => {
  const document = readDocument('docs/cli.md');
  for (const [code, meaning] of exitCodeHelp)
    assert.ok(document.toLowerCase().includes(`| ${code} | ${meaning}`.toLowerCase()), meaning);
});

test('a wrong command line is told on standard error and ends with 2', async () => {
  const wrong = [
    ['frobnicate'],
    ['get'],
    ['get', 'servers', '-o', 'xml'],
    ['console'],
    ['start'],
    ['stop', 'demo', '--timeout', 'soon'],
    ['events', '--types', 'Odd'],
    ['completion', 'tcsh'],
    ['token'],
    ['apply'],
    ['version', 'extra'],
    ['backup'],
    ['backup', 'frobnicate'],
    ['backup', 'create'],
    ['backup', 'create', 'demo', '--format', 'rar'],
    ['backup', 'verify', 'demo', '--timeout', 'soon'],
    ['backup', 'extract', 'demo'],
    ['restore'],
    ['restore', 'demo'],
    ['restore', 'demo', 'first', '--mode', 'sideways'],
    ['restore', 'demo', 'first', 'second'],
    ['up', '--no-such-option'],
  ];
  for (const args of wrong) {
    const io = testIo();
    assert.equal(await runCommand(io, args), 2, args.join(' '));
    assert.match(io.err(), /^(?:error|Usage): /, args.join(' '));
    assert.equal(io.out(), '');
  }
});

test('completion offers commands, options, values, kinds and names', async () => {
  const names = async (kind: string) => (kind === 'servers' ? ['demo', 'lobby'] : ['node-1']);
  const offered = async (...words: string[]) => candidates(program, words, names);
  assert.deepEqual(await offered('ki'), { words: ['kill'] });
  assert.deepEqual(await offered('complete'), { words: [] });
  assert.deepEqual(await offered('get', 'n'), { words: ['nodes', 'namespaces'] });
  assert.deepEqual(await offered('get', 'servers', ''), { words: ['demo', 'lobby'] });
  assert.deepEqual(await offered('get', 'servers', 'demo', ''), { words: ['lobby'] });
  assert.deepEqual(await offered('get', 'server/l'), { words: ['server/lobby'] });
  assert.deepEqual(await offered('get', '-o', 'ya'), { words: ['yaml'] });
  assert.deepEqual(await offered('get', 'servers', '-o', 'json', ''), { words: ['demo', 'lobby'] });
  assert.deepEqual(await offered('describe', 'pod', ''), { words: [] });
  assert.deepEqual(await offered('start', '--wait', 'd'), { words: ['demo'] });
  assert.deepEqual(await offered('top', '--s'), { words: ['--sort'] });
  assert.deepEqual(await offered('apply', '-f', ''), { files: true });
  assert.deepEqual(await offered('doctor', '--config', ''), { files: true });
  assert.deepEqual(await offered('help', 'dele'), { words: ['delete'] });
});

test('completion knows what is below a command, and the default of it', async () => {
  const known: Record<string, string[]> = {
    servers: ['demo', 'lobby'],
    backups: ['first', 'second'],
    restores: ['r1'],
  };
  const offered = async (...words: string[]) => candidates(program, words, async (kind) => known[kind] ?? []);
  assert.deepEqual(await offered('backup', 'l'), { words: ['list', 'lock'] });
  assert.deepEqual(await offered('backup', 'create', ''), { words: ['demo', 'lobby'] });
  assert.deepEqual(await offered('backup', 'create', 'demo', ''), { words: [] });
  assert.deepEqual(await offered('backup', 'create', 'demo', '--fo'), { words: ['--format'] });
  assert.deepEqual(await offered('backup', 'create', 'demo', '--format', ''), { words: ['gzip', 'zstd'] });
  assert.deepEqual(await offered('backup', 'create', '--ignore-file', ''), { files: true });
  assert.deepEqual(await offered('backup', 'lock', 'first', ''), { words: ['second'] });
  assert.deepEqual(await offered('backup', 'download', 'first', '-o', ''), { files: true });
  assert.deepEqual(await offered('backup', 'frobnicate', ''), { words: [] });
  assert.deepEqual(await offered('restore', 'd'), { words: ['describe', 'delete', 'demo'] });
  assert.deepEqual(await offered('restore', 'demo', ''), { words: ['first', 'second'] });
  assert.deepEqual(await offered('restore', 'demo', 'first', '--mode', 't'), { words: ['truncate'] });
  assert.deepEqual(await offered('restore', 'watch', ''), { words: ['r1'] });
});

function sectionOf(document: string, name: string): string {
  const found = document.split(/^## /m).find((part: string) => new RegExp(`^.*\\b${name}\\b.*\\n`).test(part));
  assert.ok(found, `docs/cli.md has no section for ${name}`);
  return found;
}
