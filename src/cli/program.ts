// The command line as a declaration: commands, arguments, options, examples. What a command does is in commands/, loaded
// when it is asked for. --help, the shell completions and docs/cli.md are made of, or held against, what stands here.
import { Argument, Command, CommanderError, Option } from 'commander';
import type { ApplyOptions } from './commands/apply.ts';
import type { ConsoleOptions } from './commands/console.ts';
import type { DeleteOptions } from './commands/delete.ts';
import type { EventsOptions } from './commands/events.ts';
import type { GetOptions } from './commands/get.ts';
import type { PowerOptions } from './commands/power.ts';
import type { TokenOptions } from './commands/token.ts';
import type { TopOptions } from './commands/top.ts';
import type { UpOptions } from './commands/up.ts';
import { commandBelow, configOption, type Does, duration, filesOption, reaching, timeoutOption } from './declare.ts';
import { type ExitCode, exitCodeHelp, exitCodes } from './exit-codes.ts';
import type { Io } from './io.ts';
import type { AccessOptions } from './node-access.ts';
import { declareNode } from './node-commands.ts';
import { declareBackup, declareRestore } from './operation-commands.ts';

export interface CommandLine {
  program: Command;
  /** Of the command that ran. */
  exitCode(): ExitCode;
}

const powerTexts = {
  start: 'ask a server to start',
  stop: 'ask a server to stop by its stop rule',
  restart: 'ask a server to stop and start again',
  kill: 'end the process of a server at once; what it has not saved is lost',
} as const;

/** Runs what the arguments say. @throws CliError, ConfigError, and what is nobody's mistake but ours */
export async function runCommand(io: Io, args: readonly string[]): Promise<ExitCode> {
  const { program, exitCode } = commandLine(io);
  try {
    const words = commandFirst(program, args);
    const [first = ''] = words;
    const isCommand = first === 'help' || program.commands.some((command) => command.name() === first);
    if (!isCommand && !first.startsWith('-')) program.error(`error: unknown command '${first}'`);
    await program.parseAsync(words, { from: 'user' });
    return exitCode();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has printed help or the mistake already.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
}

/** Options that Wings takes before a command. Without a command it is the daemon that is meant. */
function commandFirst(program: Command, args: readonly string[]): string[] {
  const rest = [...args];
  const before: string[] = [];
  const flags: string[] = [];
  for (;;) {
    const [word = ''] = rest;
    if (word === '--debug' || word === '--ignore-certificate-errors') flags.push(...rest.splice(0, 1));
    else if (word.startsWith('--config=')) before.push(...rest.splice(0, 1));
    else if (word === '--config') before.push(...rest.splice(0, 2));
    else break;
  }
  const [command = ''] = rest;
  if (before.length + flags.length > 0 && (command === '' || command.startsWith('-')))
    return ['up', ...before, ...flags, ...rest];
  const named = program.commands.find((one) => one.name() === command);
  const takesConfig = named?.commands.length !== 0 || named.options.some(({ long }) => long === '--config');
  // The flags are about the daemon: other commands have no log and ask no Panel.
  return [...rest, ...(takesConfig ? before : []), ...(command === 'up' ? flags : [])];
}

export function commandLine(io: Io): CommandLine {
  let exitCode: ExitCode = 0;
  /** An action of commander: arguments, options, the command itself. */
  const does: Does = (work) =>
    async function (this: Command): Promise<void> {
      exitCode = await work(this.args, this.opts() as never);
    };

  const program = new Command('aileron')
    .description('Keeps game servers on this node as they were declared.')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => (io.stdout.isTTY ? io.stdout.columns : 100),
      getErrHelpWidth: () => (io.stderr.isTTY ? io.stderr.columns : 100),
    })
    .helpCommand('help [command]', 'the same as COMMAND --help')
    .showHelpAfterError('(aileron --help lists the commands, aileron COMMAND --help their options)')
    .addHelpText('after', `\n${exitCodeText()}\n\nNO_COLOR=1 turns colours off. AILERON_CONFIG stands for --config.`);

  const command = (name: string, text: string, examples: readonly string[]) =>
    commandBelow(program, name, text, examples);

  command('up', 'run the node until it is asked to stop; games go on without it', [
    'aileron up --config /etc/pelican/config.yml',
    'aileron up --debug',
  ])
    .addOption(configOption())
    .option('--debug', 'log everything, whatever the configuration says')
    .option('--ignore-certificate-errors', 'do not check the certificate of the Panel')
    .action(does(async (_, options: UpOptions) => (await import('./commands/up.ts')).up(options)));

  declareNode(program, io, does);

  reaching(
    command('get', 'list objects, or show some', [
      'aileron get servers',
      'aileron get server demo -o yaml',
      'aileron get servers -l game=minecraft -w',
    ]),
  )
    .argument('<kind>', 'a kind, or KIND/NAME')
    .argument('[name...]', 'names of objects')
    .addOption(new Option('-o, --output <form>', 'how to show them').choices(['wide', 'json', 'yaml', 'name']))
    .option('-l, --selector <labels>', 'only objects with these labels, such as game=minecraft')
    .option('-w, --watch', 'go on and show each change')
    .action(does(async (args, options: GetOptions) => (await import('./commands/get.ts')).get(io, args, options)));

  reaching(
    command('describe', 'one object for people: spec, status, conditions, what happened', [
      'aileron describe server demo',
      'aileron describe node/node-1',
    ]),
  )
    .argument('<kind>', 'a kind, or KIND/NAME')
    .argument('[name...]', 'names of objects')
    .action(
      does(async (args, options: AccessOptions) =>
        (await import('./commands/describe.ts')).describe(io, args, options),
      ),
    );

  reaching(
    command('apply', 'bring the objects of files to the node, as kubectl apply does', [
      'aileron apply -f lobby.yaml',
      'aileron apply -f manifests/ --dry-run',
      'cat lobby.yaml | aileron apply -f -',
    ]),
  )
    .addOption(filesOption().makeOptionMandatory())
    .option('--dry-run', 'let the node check everything and store nothing')
    .action(does(async (_, options: ApplyOptions) => (await import('./commands/apply.ts')).apply(io, options)));

  reaching(
    command('delete', 'delete objects; what becomes of the files of a server says spec.reclaimPolicy', [
      'aileron delete server lobby --wait',
      'aileron delete -f lobby.yaml',
    ]),
  )
    .argument('[kind]', 'a kind, or KIND/NAME')
    .argument('[name...]', 'names of objects')
    .addOption(filesOption())
    .option('--wait', 'return when they are gone')
    .addOption(timeoutOption('5m'))
    .action(
      does(async (args, options: DeleteOptions) =>
        (await import('./commands/delete.ts')).deleteObjects(io, args, options),
      ),
    );

  command('console', 'the console of a server: its last lines, each new one, and what you type goes to it', [
    'aileron console demo',
    'echo "say hello" | aileron console demo',
    'aileron console demo --follow </dev/null | grep joined',
  ])
    .argument('<name>', 'a server')
    .addOption(configOption())
    .option('--follow', 'when standard input ends, go on printing')
    .action(
      does(async (args, options: ConsoleOptions) =>
        (await import('./commands/console.ts')).openConsole(io, args[0]!, options),
      ),
    );

  for (const [action, text] of Object.entries(powerTexts) as [keyof typeof powerTexts, string][]) {
    reaching(command(action, text, [`aileron ${action} demo`, `aileron ${action} demo lobby --wait --timeout 2m`]))
      .argument('<name...>', 'servers')
      .option(
        '--wait',
        action === 'start' || action === 'restart'
          ? 'return when the game says that it is up'
          : 'return when it is offline',
      )
      .addOption(timeoutOption('15m'))
      .action(
        does(async (args, options: PowerOptions) =>
          (await import('./commands/power.ts')).power(io, action, args, options),
        ),
      );
  }

  declareBackup(program, io, does);
  declareRestore(program, io, does);

  reaching(
    command('events', 'what happened on the node', ['aileron events -w', 'aileron events --for demo --types Warning']),
  )
    .option('-w, --watch', 'go on and show what happens')
    .option('--for <object>', 'only about this one: NAME of a server, or KIND/NAME')
    .addOption(new Option('--types <type>', 'only of this type').choices(['Normal', 'Warning']))
    .option('--json', 'one event a line, as JSON')
    .action(does(async (_, options: EventsOptions) => (await import('./commands/events.ts')).events(io, options)));

  command('top', 'what each server uses: CPU, memory, network, disk', [
    'aileron top',
    'aileron top --once --sort memory',
    'aileron top --json',
  ])
    .addOption(configOption())
    .option('--once', 'one table, also on a terminal')
    .option('--json', 'one sample as JSON')
    .addOption(new Option('--sort <column>', 'what comes first').choices(['cpu', 'memory', 'name']).default('cpu'))
    .addOption(new Option('--interval <time>', 'between two looks').argParser(duration).default(2_000, '2s'))
    .action(does(async (_, options: TopOptions) => (await import('./commands/top.ts')).top(io, options)));

  command('kubeconfig', 'print a kubeconfig that kubectl can use, a secret in it', [
    'aileron kubeconfig > kubeconfig && export KUBECONFIG=$PWD/kubeconfig',
  ])
    .addOption(configOption())
    .action(
      does(async (_, options: AccessOptions) =>
        (await import('./commands/kubeconfig.ts')).printKubeconfig(io, options),
      ),
    );

  command('token', 'print a token for the WebSocket of a server', [
    'aileron token --server demo',
    'aileron token --server demo --permission control.console --expires 1m --json',
  ])
    .addOption(configOption())
    .requiredOption('--server <name>', 'a server, by name or uuid')
    .option('--permission <name...>', 'what it allows; without any, everything but what is for administrators')
    .addOption(new Option('--expires <time>', 'how long it is good for').argParser(duration).default(600_000, '10m'))
    .option('--user <uuid>', 'for whom, as records of what was done name it')
    .option('--json', 'the token and the address of the socket, as JSON')
    .action(does(async (_, options: TokenOptions) => (await import('./commands/token.ts')).printToken(io, options)));

  command('completion', 'print what makes a shell complete these commands', [
    'source <(aileron completion bash)',
    'aileron completion fish > ~/.config/fish/completions/aileron.fish',
  ])
    .addArgument(new Argument('<shell>', 'your shell').choices(['bash', 'zsh', 'fish']))
    .action(does(async (args) => (await import('./commands/completion.ts')).completion(io, args[0]!)));

  program
    .command('complete', { hidden: true })
    .argument('[word...]')
    .action(does(async (args) => (await import('./commands/completion.ts')).complete(io, program, args)));

  command('version', 'print the version of Aileron and of Node.js', ['aileron version'])
    .option('--json', 'as JSON')
    .action(
      does(async (_, options: { json?: boolean }) => (await import('./commands/version.ts')).version(io, options)),
    );

  return { program, exitCode: () => exitCode };
}

function exitCodeText(): string {
  return ['Exit codes:', ...exitCodeHelp.map(([code, meaning]) => `  ${code}  ${meaning}`)].join('\n');
}
