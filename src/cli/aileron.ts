// The command line. It knows the commands and their options; what they do is in main.ts, which is loaded only for a
// command that needs it and after the compile cache is on.
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { enableCompileCacheFor } from './compile-cache.ts';

const usageError = 2;

interface ConfigOption {
  config?: string;
}

/** Resolves with the exit code of the process. */
async function runCommandLine(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('aileron')
    .description('Keeps game servers on this node as they were declared.')
    .exitOverride()
    .showHelpAfterError('(aileron --help lists the commands)');

  program
    .command('up', { isDefault: true })
    .description('run the node until it is asked to stop; games go on without it')
    .option('--config <file>', "the node's config.yml; aileron.yml is read beside it")
    .action(async ({ config }: ConfigOption) => {
      const { run } = await loadMain(config);
      exitCode = await run(mainOptions(config));
    });

  program
    .command('kubeconfig')
    .description('print a kubeconfig that kubectl can use, a secret in it')
    .option('--config <file>', "the node's config.yml")
    .action(async ({ config }: ConfigOption) => {
      const { printKubeconfig } = await loadMain(config);
      exitCode = await printKubeconfig(mainOptions(config));
    });

  program
    .command('version')
    .description('print the version of Aileron and of Node.js')
    .action(() => {
      process.stdout.write(`aileron v${packageVersion()}\nNode.js ${process.version}\n`);
    });

  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Commander has printed help or the mistake already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageError;
    throw error;
  }
  return exitCode;
}

async function loadMain(configPath: string | undefined): Promise<typeof import('../main.ts')> {
  await enableCompileCacheFor(configPath);
  return import('../main.ts');
}

function mainOptions(configPath: string | undefined): { configPath?: string } {
  return configPath === undefined ? {} : { configPath };
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

process.exitCode = await runCommandLine(process.argv.slice(2));
