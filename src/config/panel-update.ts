// What the Panel may change by pushing a configuration: exactly the keys below. Whatever else it sends stands on the
// document it shows to people too, or is an attempt to reach further, and has no effect. Pure: says what the settings
// would be and what would be written, or why not.
import { isAbsolute } from 'node:path';
import type { Config } from './config.ts';
import type { YamlChange, YamlValue } from './edit-yaml.ts';
import type { CredentialSource } from './token.ts';

/** The Panel sent what cannot be taken; nothing was changed. The message is for the log. */
export class PanelUpdateRefused extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PanelUpdateRefused';
  }
}

export interface PanelUpdate {
  config: Config;
  changes: YamlChange[];
  /** Keys that were sent with another value than ours and left out. */
  ignored: string[];
  /** New files of `api.ssl`; whoever applies this looks whether they can be used. */
  files: string[];
  /** Credentials that were sent and do not count, because an environment variable says otherwise. */
  kept: string[];
  /** Credentials that count now while the file that config.yml names still holds the old ones. */
  stale: string[];
}

type Members = Record<string, unknown>;

const letsEncrypt = '/etc/letsencrypt/live/';
const maxText = 4_096;
const mostIgnored = 20;
const longestName = 64;

/** What a value must be to be taken. Answers the sentence's end when it is not. */
type Rule = (value: unknown) => string | undefined;

const truth: Rule = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
const whole =
  (least: number, most: number): Rule =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most
      ? undefined
      : `a whole number from ${least} to ${most}`;
const text: Rule = (value) =>
  typeof value === 'string' && value.length <= maxText && !/\p{Cc}/u.test(value) ? undefined : 'one line of text';
/** Beginning with neither a file nor a variable: such a value would be read from this machine at the next start. */
const credential: Rule = (value) =>
  typeof value === 'string' && /^(?!file:)[\x21-\x23\x25-\x7e]{0,512}$/.test(value)
    ? undefined
    : 'letters, digits and signs, neither a file nor a variable';
const host: Rule = (value) =>
  typeof value === 'string' && /^[\w.:-]{1,255}$/.test(value) ? undefined : 'an address or a host name';

/** A port of 0 is any free one, which no Panel could find. */
const port = whole(1, 65_535);

const rules: ReadonlyMap<string, Rule> = new Map([
  ['debug', truth],
  ['uuid', text],
  ['token_id', credential],
  ['token', credential],
  ['api.host', host],
  ['api.port', port],
  ['api.ssl.enabled', truth],
  ['api.ssl.cert', text],
  ['api.ssl.key', text],
  ['api.upload_limit', whole(0, Number.MAX_SAFE_INTEGER)],
  ['system.sftp.bind_port', port],
]);

const blocks = new Set(['api', 'api.ssl', 'system', 'system.sftp']);

/** Sent with every push. Only another value is worth a word. */
const usual: ReadonlyMap<string, (config: Config) => string | readonly string[]> = new Map<
  string,
  (config: Config) => string | readonly string[]
>([
  ['remote', ({ remote }) => remote],
  ['system.data', ({ system }) => system.data],
  ['allowed_mounts', ({ allowedMounts }) => allowedMounts],
]);

/** Where the credentials in force come from. Only what stands in config.yml itself is written there. */
export interface TokenSources {
  id: CredentialSource;
  secret: CredentialSource;
}

/** @throws PanelUpdateRefused */
export function panelUpdate(current: Config, body: unknown, sources: TokenSources): PanelUpdate {
  const { values, ignored } = sentValues(current, body);
  // An empty token would lock the Panel out for good.
  if (values.get('token') === '') values.delete('token');
  const config = merged(current, values, sources);
  refusePortsThatMeet(config);
  const before = valuesOf(current);
  const changes = [...valuesOf(config)]
    .filter(([path, value]) => value !== before.get(path))
    .filter(([path]) => path !== 'token_id' || sources.id === 'literal')
    .filter(([path]) => path !== 'token' || sources.secret === 'literal')
    .map(([path, value]): YamlChange => ({ path: path.split('.'), value }));
  const files = changes
    .filter(({ path, value }) => path[1] === 'ssl' && typeof value === 'string' && value !== '')
    .map(({ value }) => String(value));
  return { config, changes, ignored, files, ...credentialNews(current, values, sources) };
}

function merged(current: Config, values: ReadonlyMap<string, YamlValue>, sources: TokenSources): Config {
  const { api, system, token } = current;
  const wanted = <T extends YamlValue>(path: string, present: T): T => (values.get(path) as T | undefined) ?? present;
  return {
    ...current,
    debug: wanted('debug', current.debug),
    uuid: wanted('uuid', current.uuid),
    token: {
      id: sources.id === 'variable' ? token.id : wanted('token_id', token.id),
      secret: sources.secret === 'variable' ? token.secret : wanted('token', token.secret),
    },
    api: {
      ...api,
      host: wanted('api.host', api.host),
      port: wanted('api.port', api.port),
      ssl: { enabled: wanted('api.ssl.enabled', api.ssl.enabled), ...certificatePaths(current, values) },
      uploadLimit: wanted('api.upload_limit', api.uploadLimit),
    },
    system: { ...system, sftp: { ...system.sftp, port: wanted('system.sftp.bind_port', system.sftp.port) } },
  };
}

/** Both stay as they are when they are said to be where every Panel guesses them. */
function certificatePaths({ api: { ssl } }: Config, values: ReadonlyMap<string, YamlValue>) {
  const cert = String(values.get('api.ssl.cert') ?? ssl.cert);
  const key = String(values.get('api.ssl.key') ?? ssl.key);
  if (key.startsWith(letsEncrypt) || cert.startsWith(letsEncrypt)) return { cert: ssl.cert, key: ssl.key };
  for (const path of [cert, key])
    if (path !== '' && !isAbsolute(path)) throw new PanelUpdateRefused('api.ssl.cert and key must be absolute paths');
  return { cert, key };
}

function credentialNews(current: Config, values: ReadonlyMap<string, YamlValue>, sources: TokenSources) {
  const pushed = [
    { key: 'token_id', source: sources.id, differs: (values.get('token_id') ?? current.token.id) !== current.token.id },
    {
      key: 'token',
      source: sources.secret,
      differs: (values.get('token') ?? current.token.secret) !== current.token.secret,
    },
  ].filter(({ differs }) => differs);
  return {
    kept: pushed.filter(({ source }) => source === 'variable').map(({ key }) => key),
    stale: pushed.filter(({ source }) => source === 'file').map(({ key }) => key),
  };
}

function refusePortsThatMeet({ api, system: { sftp }, aileron: { kube, ops } }: Config): void {
  // 0 is a free port, so never that of another.
  if (api.port !== 0 && [sftp.port, kube.port, ops.port].includes(api.port))
    throw new PanelUpdateRefused(`api.port ${api.port} is that of another door of the node`);
  if ([kube.port, ops.port].includes(sftp.port))
    throw new PanelUpdateRefused(`system.sftp.bind_port ${sftp.port} is that of another door of the node`);
}

/** By the names of the file. */
export function valuesOf({ debug, uuid, token, api, system }: Config): Map<string, YamlValue> {
  return new Map<string, YamlValue>([
    ['debug', debug],
    ['uuid', uuid],
    ['token_id', token.id],
    ['token', token.secret],
    ['api.host', api.host],
    ['api.port', api.port],
    ['api.ssl.enabled', api.ssl.enabled],
    ['api.ssl.cert', api.ssl.cert],
    ['api.ssl.key', api.ssl.key],
    ['api.upload_limit', api.uploadLimit],
    ['system.sftp.bind_port', system.sftp.port],
  ]);
}

/** Names count whatever their capitals, null is nothing said, and the last of two wins: as Wings reads it. */
function sentValues(current: Config, body: unknown): { values: Map<string, YamlValue>; ignored: string[] } {
  if (!isBlock(body)) throw new PanelUpdateRefused('a configuration must be an object');
  const values = new Map<string, YamlValue>();
  const ignored = new Set<string>();
  const visit = (block: Members, above: string): void => {
    for (const [name, value] of Object.entries(block)) {
      const path = (above + name).toLowerCase();
      const rule = rules.get(path);
      if (value === null) continue;
      if (rule) {
        const expected = rule(value);
        if (expected !== undefined) throw new PanelUpdateRefused(`${path} must be ${expected}`);
        values.set(path, value as YamlValue);
      } else if (blocks.has(path)) {
        if (!isBlock(value)) throw new PanelUpdateRefused(`${path} must be a block of keys and values`);
        visit(value, `${path}.`);
      } else if (!isSame(usual.get(path)?.(current), value) && ignored.size < mostIgnored) {
        ignored.add(path.slice(0, longestName));
      }
    }
  };
  visit(body, '');
  return { values, ignored: [...ignored] };
}

function isSame(ours: string | readonly string[] | undefined, sent: unknown): boolean {
  if (typeof ours !== 'object') return ours === sent;
  return Array.isArray(sent) && sent.length === ours.length && ours.every((one, at) => one === sent[at]);
}

function isBlock(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
