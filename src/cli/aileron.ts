// The entry of the command line: runs one command and turns its end into an exit code. Errors are one sentence on
// standard error; a stack appears only for what is a fault of this program.
import { ConfigError } from '../config/config-error.ts';
import type { UpOptions } from './commands/up.ts';
import { CliError, exitCodes } from './exit-codes.ts';
import { type Io, processIo, say } from './io.ts';

/** Resolves with the exit code of the process. */
async function run(io: Io, args: readonly string[]): Promise<number> {
  try {
    const daemon = daemonOptions(args, io.env);
    if (daemon) return await (await import('./commands/up.ts')).up(daemon);
    const { runCommand } = await import('./program.ts');
    return await runCommand(io, args);
  } catch (error) {
    return explain(io, error);
  }
}

/** The daemon is started in its usual ways without what the other commands need. */
function daemonOptions(args: readonly string[], env: Io['env']): UpOptions | undefined {
  const words = args[0] === 'up' ? args.slice(1) : [...args];
  const options: UpOptions = { config: env['AILERON_CONFIG'] || undefined };
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '--debug') options.debug = true;
    else if (word === '--ignore-certificate-errors') options.ignoreCertificateErrors = true;
    else if (word.startsWith('--config=')) options.config = word.slice('--config='.length);
    else if (word === '--config' && words.length > 0) options.config = words.shift();
    else return undefined;
  }
  return options;
}

function explain(io: Io, error: unknown): number {
  if (error instanceof CliError || error instanceof ConfigError) {
    say(io, `aileron: ${error.message}`);
    return error instanceof CliError ? error.exitCode : exitCodes.failed;
  }
  say(io, `aileron: ${error instanceof Error ? error.stack : String(error)}`);
  return exitCodes.failed;
}

process.exitCode = await run(processIo(), process.argv.slice(2));
