// Settings of our own: aileron.yml beside config.yml, each with an environment variable, which wins. The list below is
// the whole of them; docs/configuration.md shows the same.
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { namePattern } from '../resources/schema-parts.ts';
import type { AileronConfig, Flavour } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { Environment } from './environment.ts';
import type { Section } from './section.ts';

export interface Setting {
  key: string;
  env: string;
  type: 'text' | 'path' | 'name' | 'choice' | 'integer' | 'url';
  /** Of an integer: both belong to it. */
  range?: readonly [least: number, most: number];
  choices?: readonly string[];
  default: string;
  meaning: string;
}

const port = [0, 65_535] as const;

export const settings = [
  {
    key: 'flavour',
    env: 'AILERON_FLAVOUR',
    type: 'choice',
    choices: ['pterodactyl', 'pelican'],
    default: 'by the directory of config.yml, else pelican',
    meaning: 'Whose defaults, names and units count.',
  },
  {
    key: 'nodeName',
    env: 'AILERON_NODE_NAME',
    type: 'name',
    default: 'the host name',
    meaning:
      'Name of this node and of its Node object. Objects keep the one under which they were made: set it before the host is renamed.',
  },
  {
    key: 'kube.host',
    env: 'AILERON_KUBE_HOST',
    type: 'text',
    default: '127.0.0.1',
    meaning: 'Address of the kube API.',
  },
  {
    key: 'kube.port',
    env: 'AILERON_KUBE_PORT',
    type: 'integer',
    range: port,
    default: '8443',
    meaning: 'Port of the kube API; 0 = any free one.',
  },
  {
    key: 'ops.host',
    env: 'AILERON_OPS_HOST',
    type: 'text',
    default: '127.0.0.1',
    meaning: 'Address of metrics and health; beyond the loopback they ask for the bearer token of the kube API.',
  },
  {
    key: 'ops.port',
    env: 'AILERON_OPS_PORT',
    type: 'integer',
    range: port,
    default: '9464',
    meaning: 'Port of metrics and health; 0 = any free one.',
  },
  {
    key: 'manifests',
    env: 'AILERON_MANIFESTS',
    type: 'path',
    default: 'none',
    meaning: 'Directory of manifests to follow.',
  },
  {
    key: 'store.path',
    env: 'AILERON_STORE_PATH',
    type: 'path',
    default: '<root_directory>/aileron/store.db',
    meaning: 'File of the desired-state store.',
  },
  {
    key: 'log.level',
    env: 'AILERON_LOG_LEVEL',
    type: 'choice',
    choices: ['debug', 'info', 'warn', 'error'],
    default: 'by debug and quiet of config.yml, else info',
    meaning: 'Least level of log lines.',
  },
  {
    key: 'tracing.endpoint',
    env: 'AILERON_TRACING_ENDPOINT',
    type: 'url',
    default: 'none',
    meaning: 'Collector that gets traces as OTLP over HTTP, such as http://127.0.0.1:4318.',
  },
  {
    key: 'stopGraceSeconds',
    env: 'AILERON_STOP_GRACE_SECONDS',
    type: 'integer',
    range: [1, 86_400],
    default: '30',
    meaning: 'Between asking a process to stop by a signal and ending it.',
  },
  {
    key: 'startsAtATime',
    env: 'AILERON_STARTS_AT_A_TIME',
    type: 'integer',
    range: [1, 64],
    default: '4',
    meaning:
      'Servers that are started at the same time when the machine or Docker comes back; what somebody asks for never waits.',
  },
  {
    key: 'imagePullTimeoutSeconds',
    env: 'AILERON_IMAGE_PULL_TIMEOUT_SECONDS',
    type: 'integer',
    range: [1, 86_400],
    default: '900',
    meaning: 'After which the pull of an image is given up.',
  },
  {
    key: 'installTimeoutSeconds',
    env: 'AILERON_INSTALL_TIMEOUT_SECONDS',
    type: 'integer',
    range: [1, 604_800],
    default: '14400',
    meaning: 'After which an install script is killed and has failed.',
  },
  {
    key: 'installerConfinement',
    env: 'AILERON_INSTALLER_CONFINEMENT',
    type: 'choice',
    choices: ['strict', 'wings'],
    default: 'strict',
    meaning: 'What an install script may do in its container: few capabilities, or what Docker gives by default.',
  },
  {
    key: 'unscopedTokens',
    env: 'AILERON_UNSCOPED_TOKENS',
    type: 'choice',
    choices: ['untilScoped', 'always', 'never'],
    default: 'untilScoped',
    meaning: 'Whether tokens of the Panel that state no scope are taken: until one stated a scope, always, never.',
  },
  {
    key: 'foreignTokens',
    env: 'AILERON_FOREIGN_TOKENS',
    type: 'choice',
    choices: ['count', 'refuse'],
    default: 'count',
    meaning: 'What becomes of tokens that name another Panel (`iss`) or another address of this node (`aud`).',
  },
  {
    key: 'downloadLinkUses',
    env: 'AILERON_DOWNLOAD_LINK_USES',
    type: 'integer',
    range: [1, 5],
    default: '1',
    meaning: 'How often one link to a backup may be used; more than 1 lets a download that broke off go on.',
  },
  {
    key: 'panelListMinutes',
    env: 'AILERON_PANEL_LIST_MINUTES',
    type: 'integer',
    range: [0, 10_080],
    default: '60',
    meaning:
      'How often the Panel is asked for all servers, for changes that nobody told; 0 = at the start and after an outage alone.',
  },
  {
    key: 'diskReserve.percent',
    env: 'AILERON_DISK_RESERVE_PERCENT',
    type: 'integer',
    range: [0, 50],
    default: '5',
    meaning: 'Free space that restores and other work of the daemon leave on the file system of the servers.',
  },
  {
    key: 'diskReserve.mebibytes',
    env: 'AILERON_DISK_RESERVE_MEBIBYTES',
    type: 'integer',
    range: [0, 1_048_576],
    default: '2048',
    meaning: 'The same in MiB; the larger of both counts.',
  },
] as const satisfies readonly Setting[];

type SettingKey = (typeof settings)[number]['key'];

export interface SettingSource {
  /** Path of aileron.yml, whether it exists or not. */
  file: string;
  section: Section;
  env: Environment;
}

/** `undefined`: neither file nor environment says anything. @throws ConfigError */
export function settingOf(key: SettingKey, { file, section, env }: SettingSource): string | number | undefined {
  const setting: Setting = settings.find((one) => one.key === key)!;
  const fromEnvironment = env[setting.env];
  if (fromEnvironment !== undefined && fromEnvironment !== '') {
    return checked(setting, fromEnvironment, process.cwd(), (expected) => {
      const shown = JSON.stringify(fromEnvironment.slice(0, 80));
      return new ConfigError(`The environment variable ${setting.env} must be ${expected}, not ${shown}.`);
    });
  }
  const [block, leaf] = key.includes('.') ? key.split('.') : [undefined, key];
  const holder = block === undefined ? section : section.section(block);
  if (leaf === undefined || !holder.has(leaf)) return undefined;
  return checked(setting, holder.text(leaf, ''), dirname(file), (expected) => holder.wrong(leaf, expected));
}

export interface AileronInput extends SettingSource {
  rootDirectory: string;
  debug: boolean;
  quiet: boolean;
}

/** @throws ConfigError */
export function aileronSettings(input: AileronInput): AileronConfig {
  const { rootDirectory, debug, quiet } = input;
  const text = (key: SettingKey, fallback: string) => String(settingOf(key, input) ?? fallback);
  const number = (key: SettingKey) => Number(settingOf(key, input) ?? settings.find((one) => one.key === key)?.default);
  const byFlags = debug ? 'debug' : quiet ? 'warn' : 'info';
  return {
    nodeName: text('nodeName', nameOfHost(hostname())),
    kube: { host: text('kube.host', '127.0.0.1'), port: number('kube.port') },
    ops: { host: text('ops.host', '127.0.0.1'), port: number('ops.port') },
    manifests: text('manifests', ''),
    store: { path: text('store.path', join(rootDirectory, 'aileron', 'store.db')) },
    log: { level: text('log.level', byFlags) as AileronConfig['log']['level'] },
    tracing: { endpoint: text('tracing.endpoint', '') },
    stopGraceSeconds: number('stopGraceSeconds'),
    startsAtATime: number('startsAtATime'),
    imagePullTimeoutSeconds: number('imagePullTimeoutSeconds'),
    installTimeoutSeconds: number('installTimeoutSeconds'),
    installerConfinement: text('installerConfinement', 'strict') as AileronConfig['installerConfinement'],
    unscopedTokens: text('unscopedTokens', 'untilScoped') as AileronConfig['unscopedTokens'],
    foreignTokens: text('foreignTokens', 'count') as AileronConfig['foreignTokens'],
    downloadLinkUses: number('downloadLinkUses'),
    panelListMinutes: number('panelListMinutes'),
    diskReserve: { percent: number('diskReserve.percent'), mebibytes: number('diskReserve.mebibytes') },
  };
}

/** A host name as a name of Kubernetes: lower case, other signs become hyphens. */
export function nameOfHost(name: string): string {
  const labels = name.toLowerCase().slice(0, 253).split('.');
  const fit = labels
    .map((label) => label.replace(/[^a-z0-9-]+/g, '-').replace(/^-+|-+$/g, ''))
    .filter((label) => label !== '');
  return fit.join('.') || 'node';
}

/** The flavour: own setting, else `flavour` of config.yml, else the name of its directory. */
export function flavourOf(source: SettingSource, config: Section, directory: string): Flavour {
  const own = settingOf('flavour', source) ?? (config.has('flavour') ? config.text('flavour', '') : directory);
  if (own === 'pterodactyl' || own === 'pelican') return own;
  if (config.has('flavour')) throw config.wrong('flavour', 'pterodactyl or pelican');
  return 'pelican';
}

/** A value that has the setting's type. Relative paths count from `base`. */
function checked(
  setting: Setting,
  text: string,
  base: string,
  wrong: (expected: string) => ConfigError,
): string | number {
  const { type, range = [0, 0], choices = [] } = setting;
  if (type === 'integer') {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= range[0] && value <= range[1]) return value;
    throw wrong(`a whole number from ${range[0]} to ${range[1]}`);
  }
  if (type === 'choice') {
    if (choices.includes(text)) return text;
    throw wrong(`one of ${choices.join(', ')}`);
  }
  if (type === 'name') {
    if (text.length <= 253 && new RegExp(namePattern).test(text)) return text;
    throw wrong('a name of lower-case letters, digits, hyphens and dots');
  }
  if (type === 'url') {
    // Without user and password: those would be a secret in a place where nobody expects one.
    if (text === '' || /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/.test(text)) return text;
    throw wrong('an http or https URL without a user, a query and a fragment');
  }
  if (text === '') {
    if (type === 'path') return '';
    throw wrong('a text that is not empty');
  }
  return type === 'path' ? resolve(base, text) : text;
}
