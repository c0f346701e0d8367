// `aileron backup …` and `aileron restore …` as declarations.
import { type Command, Option } from 'commander';
import { backupKind, type KindDefinition, restoreKind } from '../resources/kinds.ts';
import type { BackupCreateOptions, VerifyOptions } from './commands/backup.ts';
import type { FileOptions } from './commands/backup-files.ts';
import type { DeleteOptions } from './commands/delete.ts';
import type { ListOptions } from './commands/operation.ts';
import type { RestoreCreateOptions } from './commands/restore.ts';
import { commandBelow, type Does, reaching, timeoutOption } from './declare.ts';
import type { Io } from './io.ts';
import type { AccessOptions } from './node-access.ts';
import type { WatchOptions } from './operations/watch.ts';

const load = {
  backup: () => import('./commands/backup.ts'),
  files: () => import('./commands/backup-files.ts'),
  operation: () => import('./commands/operation.ts'),
  restore: () => import('./commands/restore.ts'),
};

const outputHelp = 'a file, a directory to put it into, or - for standard output';

export function declareBackup(program: Command, io: Io, does: Does): void {
  const group = commandBelow(program, 'backup', 'make backups of servers, look at them, and get at what is in them', [
    'aileron backup create demo --watch',
    'aileron backup list demo',
    'aileron backup extract demo-20260101-120000 world/level.dat',
  ]);

  following(
    reaching(
      commandBelow(group, 'create', 'back up the files of a server, while it runs', [
        'aileron backup create demo --watch',
        'aileron backup create demo --name before-update --locked --wait',
        "aileron backup create demo --ignore '*.log'",
      ]),
    )
      .argument('<server>', 'a server')
      .option('--name <name>', 'of the backup; without it, that of the server and the time')
      .option('--ignore <rules>', 'files that stay out, by lines as in .gitignore; else .pteroignore of the server')
      .option('--ignore-file <file>', 'the same rules, in a file or - for standard input')
      .addOption(new Option('--format <format>', 'another compression than the one set up').choices(['gzip', 'zstd']))
      .option('--locked', 'it cannot be deleted until it is unlocked'),
  ).action(
    does(async (args, options: BackupCreateOptions) => (await load.backup()).createBackup(io, args[0]!, options)),
  );

  declareLooking(group, backupKind, io, does);

  reaching(
    commandBelow(group, 'verify', 'have the archive of a backup read, and compared with its checksum', [
      'aileron backup verify demo-20260101-120000',
    ]),
  )
    .argument('<backup>', 'a backup, by name or uuid')
    .addOption(timeoutOption('1h', 'how long to wait for it'))
    .action(does(async (args, options: VerifyOptions) => (await load.backup()).verifyBackup(io, args[0]!, options)));

  reaching(
    commandBelow(group, 'extract', 'get one file or directory out of a backup; the server is left alone', [
      'aileron backup extract demo-20260101-120000 server.properties',
      'aileron backup extract demo-20260101-120000 logs/latest.log -o -',
      'aileron backup extract demo-20260101-120000 world -o - | tar -t',
    ]),
  )
    .argument('<backup>', 'a backup, by name or uuid')
    .argument('<path>', 'relative to the server; a directory comes as a tar')
    .option('-o, --output <file>', outputHelp)
    .option('--force', 'write over a file that is there')
    .action(does(async (args, options: FileOptions) => (await load.files()).extractPath(io, args, options)));

  reaching(
    commandBelow(group, 'download', 'get the archive of a backup, and check that it is whole', [
      'aileron backup download demo-20260101-120000',
      'aileron backup download demo-20260101-120000 -o /mnt/safe/',
    ]),
  )
    .argument('<backup>', 'a backup, by name or uuid')
    .option('-o, --output <file>', outputHelp)
    .option('--force', 'write over a file that is there')
    .action(does(async (args, options: FileOptions) => (await load.files()).downloadArchive(io, args[0]!, options)));

  for (const [word, text] of [
    ['lock', 'keep backups from being deleted, also by a schedule'],
    ['unlock', 'let backups be deleted again'],
  ] as const) {
    reaching(commandBelow(group, word, text, [`aileron backup ${word} demo-20260101-120000`]))
      .argument('<backup...>', 'backups, by name or uuid')
      .action(
        does(async (args, options: AccessOptions) =>
          (await load.backup()).lockBackups(io, args, word === 'lock', options),
        ),
      );
  }

  declareEnding(group, backupKind, io, does, {
    cancel: 'end a backup that is under way; what was written goes',
    delete: 'delete backups and their archives; one that is under way is ended first',
  });
}

export function declareRestore(program: Command, io: Io, does: Does): void {
  const group = commandBelow(program, 'restore', 'bring the files of a server back from a backup', [
    'aileron restore demo demo-20260101-120000 --watch',
    'aileron restore demo demo-20260101-120000 --mode truncate',
    'aileron restore demo demo-20260101-120000 --path world --path server.properties',
    'aileron restore list',
  ]);

  following(
    reaching(
      group
        .command('create', { isDefault: true })
        .description('bring the files back; the word create may be left out')
        .addHelpText(
          'after',
          '\nExamples:\n  aileron restore create demo demo-20260101-120000 --watch\n\nExit codes: aileron --help',
        ),
    )
      .argument('<server>', 'a server; it is stopped when its files are replaced')
      .argument('<backup>', 'a completed backup of it, by name or uuid')
      .option('--name <name>', 'of the restore; without it, that of the server and the time')
      .addOption(
        new Option('--mode <mode>', 'merge keeps files that the backup does not have, truncate removes them')
          .choices(['merge', 'truncate'])
          .default('merge'),
      )
      .addOption(
        new Option(
          '--strategy <strategy>',
          'staged unpacks beside the files and swaps, in-place needs no room for both; else as set up',
        ).choices(['auto', 'staged', 'in-place']),
      )
      .addOption(
        new Option('--path <path>', 'only this file or directory; may be repeated').argParser(
          (path: string, others: string[] | undefined) => [...(others ?? []), path],
        ),
      ),
  ).action(
    does(async (args, options: RestoreCreateOptions) => (await load.restore()).createRestore(io, args, options)),
  );

  declareLooking(group, restoreKind, io, does);
  declareEnding(group, restoreKind, io, does, {
    cancel: "end a restore, as long as the server's files are untouched",
    delete: 'forget restores; one that is under way is ended first',
  });
}

/** `list`, `describe`, `watch`. */
function declareLooking(group: Command, kind: KindDefinition, io: Io, does: Does): void {
  const { singular, plural } = kind;
  const example = exampleOf(kind);
  reaching(
    commandBelow(group, 'list', `the ${plural} of a server, or all, oldest first`, [
      `aileron ${singular} list`,
      `aileron ${singular} list demo --json`,
    ]),
  )
    .argument('[server]', 'a server')
    .option('--json', 'the objects as JSON')
    .action(
      does(async (args, options: ListOptions) => (await load.operation()).listOperations(io, kind, args, options)),
    );

  reaching(
    commandBelow(group, 'describe', `${plural} for people: each phase with its times, how it ended, what happened`, [
      `aileron ${singular} describe ${example}`,
    ]),
  )
    .argument(`<${singular}...>`, `${plural}, by name or uuid`)
    .action(
      does(async (args, options: AccessOptions) =>
        (await load.operation()).describeOperations(io, kind, args, options),
      ),
    );

  reaching(
    commandBelow(group, 'watch', `show a ${singular} that is under way until it has ended`, [
      `aileron ${singular} watch ${example}`,
    ]),
  )
    .argument(`<${singular}>`, `a ${singular}, by name or uuid`)
    .option('--json', 'one object a line, as JSON')
    .action(
      does(async (args, options: WatchOptions) => (await load.operation()).watchExisting(io, kind, args[0]!, options)),
    );
}

/** `cancel`, `delete`. */
function declareEnding(
  group: Command,
  kind: KindDefinition,
  io: Io,
  does: Does,
  texts: { cancel: string; delete: string },
): void {
  const { singular, plural } = kind;
  const example = exampleOf(kind);
  reaching(commandBelow(group, 'cancel', texts.cancel, [`aileron ${singular} cancel ${example}`]))
    .argument(`<${singular}>`, `a ${singular}, by name or uuid`)
    .action(
      does(async (args, options: AccessOptions) =>
        (await load.operation()).cancelOperation(io, kind, args[0]!, options),
      ),
    );

  reaching(commandBelow(group, 'delete', texts.delete, [`aileron ${singular} delete ${example} --wait`]))
    .argument(`<${singular}...>`, `${plural}, by name or uuid`)
    .option('--wait', 'return when they are gone')
    .addOption(timeoutOption('5m'))
    .action(
      does(async (args, options: DeleteOptions) => (await load.operation()).deleteOperations(io, kind, args, options)),
    );
}

function following(command: Command): Command {
  return command
    .option('-w, --watch', 'show how far it is until it has ended; Ctrl-C leaves it running')
    .option('--wait', 'return when it has ended, and say how')
    .option('--json', 'with --watch one object a line, as JSON; else the object that was made');
}

function exampleOf({ kind }: KindDefinition): string {
  return kind === 'Backup' ? 'demo-20260101-120000' : 'demo-restore-20260101-120000';
}
