// The declarations of commands about the node itself rather than its objects: its configuration, its health, and the
// switch from Wings.
import { type Command, Option } from 'commander';
import type { AdoptOptions } from './commands/adopt.ts';
import type { ConfigureOptions } from './commands/configure.ts';
import type { DiagnosticsCommandOptions } from './commands/diagnostics.ts';
import type { DoctorOptions } from './commands/doctor.ts';
import { commandBelow, configOption, type Does } from './declare.ts';
import type { Io } from './io.ts';

export function declareNode(program: Command, io: Io, does: Does): void {
  const command = (name: string, text: string, examples: readonly string[]) =>
    commandBelow(program, name, text, examples);

  command('configure', 'fetch the configuration of this node from its Panel, and write it', [
    'aileron configure --panel-url https://panel.example.com --token ptla_… --node 3',
    'aileron configure --config-path /etc/pelican/config.yml --override',
  ])
    .addOption(configOption())
    .option('-p, --panel-url <url>', 'where the Panel is')
    .option('-t, --token <key>', 'a key of its application API; asked for when it is not given')
    .option('-n, --node <id>', 'the number of this node in the Panel')
    .option('-c, --config-path <file>', 'the file to write, before --config')
    .option('--override', 'replace a file that exists')
    .option('--allow-insecure', 'do not check the certificate of the Panel, this once')
    .action(
      does(async (_, options: ConfigureOptions) => (await import('./commands/configure.ts')).configure(io, options)),
    );

  command('diagnostics', 'print a report on this node for whoever helps; tokens are not in it', [
    'aileron diagnostics',
    'aileron diagnostics --no-endpoints --logs --upload',
  ])
    .addOption(configOption())
    .addOption(new Option('--endpoints', 'with the addresses of the Panel and of the node'))
    .addOption(
      new Option('--no-endpoints', 'without them; what is not said is asked for on a terminal').default(undefined),
    )
    .addOption(new Option('--logs', 'with the last lines of the log'))
    .addOption(new Option('--no-logs', 'without them').default(undefined))
    .addOption(new Option('--log-lines <count>', 'how many of them').default('200'))
    .addOption(new Option('--upload', 'send it to a site for pasted text, and print the link'))
    .addOption(new Option('--no-upload', 'do not').default(undefined))
    .addOption(new Option('--hastebin-url <url>', 'which site'))
    .action(
      does(async (_, options: DiagnosticsCommandOptions) =>
        (await import('./commands/diagnostics.ts')).diagnostics(io, options),
      ),
    );

  command('adopt', 'before the switch from Wings: note which servers run', [
    'aileron adopt --dry-run',
    'aileron adopt && systemctl stop wings && systemctl start aileron',
  ])
    .addOption(configOption())
    .option('--dry-run', 'show what would be noted')
    .option('--json', 'the states as JSON')
    .action(does(async (_, options: AdoptOptions) => (await import('./commands/adopt.ts')).adopt(io, options)));

  command('doctor', 'look for what is wrong on this node, and say what to do about it', [
    'aileron doctor',
    'aileron doctor --fqdn node.example.com',
    'aileron doctor --offline --json',
  ])
    .addOption(configOption())
    .option('--fqdn <name>', 'the name by which the Panel and browsers reach this node')
    .option('--offline', 'ask nobody outside this machine, the Panel included')
    .option('--json', 'the findings as JSON')
    .action(does(async (_, options: DoctorOptions) => (await import('./commands/doctor.ts')).doctor(io, options)));
}
