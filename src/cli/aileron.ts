// The entry of the command line: runs one command and turns its end into an exit code. Errors are one sentence on
// standard error; a stack appears only for what is a fault of this program.
import { CommanderError } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { CliError, exitCodes } from './exit-codes.ts';
import { processIo, say } from './io.ts';
import { commandLine } from './program.ts';

const io = processIo();

/** Resolves with the exit code of the process. */
async function run(args: readonly string[]): Promise<number> {
  const { program, exitCode } = commandLine(io);
  try {
    const [first] = args;
    // Without this an unknown word would be taken for an argument of the default command.
    if (first !== undefined && !first.startsWith('-') && !known(program.commands, first))
      program.error(`error: unknown command '${first}'`);
    await program.parseAsync(args.length === 0 ? ['up'] : args[0]?.startsWith('--config') ? ['up', ...args] : args, {
      from: 'user',
    });
    return exitCode();
  } catch (error) {
    // Commander has printed help or the mistake already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    return explain(error);
  }
}

function known(commands: readonly { name(): string }[], word: string): boolean {
  return word === 'help' || commands.some((command) => command.name() === word);
}

function explain(error: unknown): number {
  if (error instanceof CliError || error instanceof ConfigError) {
    say(io, `aileron: ${error.message}`);
    return error instanceof CliError ? error.exitCode : exitCodes.failed;
  }
  say(io, `aileron: ${error instanceof Error ? error.stack : String(error)}`);
  return exitCodes.failed;
}

process.exitCode = await run(process.argv.slice(2));
