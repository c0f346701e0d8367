// What the declarations of commands share: examples in every help, the options that several take, times as values.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { CliError, type ExitCode } from './exit-codes.ts';
import { parseDuration } from './units.ts';

/** Makes the action of a command from what is to be done; it keeps the exit code. */
export type Does = (
  work: (args: string[], options: never) => Promise<ExitCode> | ExitCode,
) => (this: Command) => Promise<void>;

/** A command below another, with examples behind its help. */
export function commandBelow(parent: Command, name: string, text: string, examples: readonly string[]): Command {
  const shown = examples.map((example) => `  ${example}`).join('\n');
  return parent
    .command(name)
    .description(text)
    .addHelpText('after', `\nExamples:\n${shown}\n\nExit codes: aileron --help`);
}

export function configOption(): Option {
  return new Option('--config <file>', "the node's config.yml; aileron.yml is read beside it").env('AILERON_CONFIG');
}

/** For commands that work from another machine too. */
export function reaching(command: Command): Command {
  return command
    .addOption(configOption())
    .addOption(new Option('--kubeconfig <file>', 'reach the node by this file instead of by --config'));
}

export function filesOption(): Option {
  return new Option('-f, --filename <file...>', 'files, directories, or - for standard input');
}

export function timeoutOption(text: string, meaning = 'how long --wait waits'): Option {
  return new Option('--timeout <time>', meaning).argParser(duration).default(parseDuration(text), text);
}

/** ms. */
export function duration(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    // biome-ignore lint/style/useErrorCause: commander's error takes no cause, and this one is our own sentence
    throw new InvalidArgumentError(error.message);
  }
}
