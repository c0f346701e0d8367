// Reads config.yml of Wings and aileron.yml beside it into the settings the daemon uses. Nothing is written here: keys
// we do not know, comments and order stay as they are on disk. Only a file that shows the token to others is closed.
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { aileronSettings, flavourOf } from './aileron-settings.ts';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import { readConfigFile } from './config-file.ts';
import { type Environment, processEnvironment } from './environment.ts';
import { Section } from './section.ts';
import { readToken } from './token.ts';
import { wingsSettings } from './wings-config.ts';

export interface LoadOptions {
  /** Of config.yml; a relative one counts from the working directory. Absent: the first of `defaultPaths` that exists. */
  path?: string | undefined;
  env?: Environment;
  /** Told what was put right on the way, in sentences. */
  warn?(message: string): void;
  defaultPaths?: readonly string[];
}

export const wingsPaths = ['/etc/pterodactyl/config.yml', '/etc/pelican/config.yml'] as const;

/** @throws ConfigError */
export async function loadConfig(options: LoadOptions = {}): Promise<Config> {
  const { env = processEnvironment, defaultPaths = wingsPaths } = options;
  const warn = options.warn ?? ((message: string) => void process.stderr.write(`${message}\n`));
  refuseOpenTls(env);
  const path = options.path === undefined ? firstExisting(defaultPaths) : resolve(options.path);
  const text = await readConfigFile(path, { secret: true, warn });
  if (text === undefined)
    throw new ConfigError(`The configuration file ${path} does not exist; name another one with --config FILE.`);
  const config = Section.parse(path, text);

  const ownPath = join(dirname(path), 'aileron.yml');
  const ownText = await readConfigFile(ownPath, { secret: false, warn });
  const own = { file: ownPath, section: Section.parse(ownPath, ownText ?? ''), env };

  const flavour = flavourOf(own, config, basename(dirname(path)));
  const { quiet, ...settings } = wingsSettings(config, flavour, env);
  const { rootDirectory } = settings.system;
  return {
    flavour,
    path,
    ...settings,
    token: await readToken({ file: path, config, env, warn }),
    aileron: aileronSettings({ ...own, rootDirectory, debug: settings.debug, quiet }),
  };
}

function firstExisting(paths: readonly string[]): string {
  const found = paths.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new ConfigError(
    `There is no configuration file: neither ${paths.join(' nor ')} exists; create one or name it with --config FILE.`,
  );
}

/** It would switch off the checks of every certificate in the process, the Panel's included. */
function refuseOpenTls(env: Environment): void {
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return;
  throw new ConfigError(
    'The environment variable NODE_TLS_REJECT_UNAUTHORIZED is 0, which trusts any certificate; remove it.',
  );
}
