// Reads config.yml of Wings and aileron.yml beside it into the settings the daemon uses. Nothing is written here: keys
// we do not know, comments and order stay as they are on disk. Only a file that shows the token to others is closed.
// A key or variable that is nearly one we know ends the start: half of the settings is worse than none.
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { refuseUnknownKeys, unknownVariables } from './aileron-names.ts';
import { aileronSettings, flavourOf } from './aileron-settings.ts';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import { readConfigFile } from './config-file.ts';
import { type Environment, processEnvironment } from './environment.ts';
import { Section } from './section.ts';
import { readToken } from './token.ts';
import { type UnknownKey, unknownKeys } from './unknown-keys.ts';
import { wingsSettings } from './wings-config.ts';

export interface LoadOptions {
  /** Of config.yml; a relative one counts from the working directory. Absent: the first of `defaultPaths` that exists. */
  path?: string | undefined;
  env?: Environment;
  /** Told what was put right on the way, in sentences. */
  warn?(message: string): void;
  /** Told which keys of config.yml, and which variables with our prefix, nobody reads. Absent: nobody wants to know. */
  remark?: ((message: string) => void) | undefined;
  /** As if `debug` were on in the file. */
  debug?: boolean | undefined;
  /** Certificates of the Panel are not checked. */
  ignoreCertificateErrors?: boolean | undefined;
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
  const unknown = unknownKeys(config);
  if (unknown.length > 0) options.remark?.(remarkOn(unknown));

  const ownPath = join(dirname(path), 'aileron.yml');
  const ownText = await readConfigFile(ownPath, { secret: false, warn });
  const own = { file: ownPath, section: Section.parse(ownPath, ownText ?? ''), env };
  refuseUnknownKeys(own.section);
  const variables = unknownVariables(env);
  if (variables.length > 0)
    options.remark?.(`Environment variables that are not known have no effect: ${told(variables)}.`);

  const flavour = flavourOf(own, config, basename(dirname(path)));
  const { quiet, ...read } = wingsSettings(config, flavour, env);
  const settings = { ...read, debug: read.debug || options.debug === true };
  const { rootDirectory } = settings.system;
  return {
    flavour,
    path,
    ...settings,
    token: await readToken({ file: path, config, env, warn }),
    aileron: aileronSettings({ ...own, rootDirectory, debug: settings.debug, quiet }),
    ignoreCertificateErrors: options.ignoreCertificateErrors === true,
  };
}

/** More than a person reads at once. */
const mostTold = 20;

function remarkOn(unknown: readonly UnknownKey[]): string {
  const keys = unknown.map(({ key, place }) => `${key} (${place})`);
  return `Keys that are not known have no effect and stay in the file: ${told(keys)}.`;
}

function told(names: readonly string[]): string {
  const more = names.length > mostTold ? ` and ${names.length - mostTold} more` : '';
  return `${names.slice(0, mostTold).join(', ')}${more}`;
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
