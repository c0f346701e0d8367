// Where the compile cache of a node lies: `compile-cache` beside its store. Found with a glance at the two files of
// settings, because reading them properly takes what the cache is to spare. Anything but plain lines, and anything that
// others could write to, means no cache: it is never needed for the right result, and who can write it runs code here.
import { existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

/** Of config.yml, as in src/config/load.ts. */
const defaultPaths = ['/etc/pterodactyl/config.yml', '/etc/pelican/config.yml'];

/**
 * The folder, made when the daemon itself is started; undefined for none.
 * @param {readonly string[]} args of the command line
 * @param {Readonly<Record<string, string | undefined>>} env
 */
export function openCompileCache(args, env) {
  try {
    const config = configPath(args, env);
    const state = config && stateDirectory(config, env);
    if (!state) return undefined;
    const folder = join(state, 'compile-cache');
    const isDaemon = args[0] === undefined || args[0] === 'up' || args[0].startsWith('-');
    if (isDaemon) mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isOurs(state, 0o022) && isOurs(folder, 0o077) ? folder : undefined;
  } catch {
    return undefined; // whatever is wrong, the daemon finds it and says it
  }
}

/**
 * The directory of the store, or undefined when a glance does not tell.
 * @param {string} config path of config.yml
 * @param {Readonly<Record<string, string | undefined>>} env
 */
export function stateDirectory(config, env) {
  if (env.AILERON_STORE_PATH) return dirname(resolve(env.AILERON_STORE_PATH));
  const wings = new Settings(config);
  const own = new Settings(join(dirname(config), 'aileron.yml'));
  const store = own.read('path', 'store');
  const flavour = env.AILERON_FLAVOUR || own.read('flavour') || wings.read('flavour') || basename(dirname(config));
  const root = wings.read('root_directory', 'system') || `/var/lib/${flavour === 'pterodactyl' ? flavour : 'pelican'}`;
  if (own.unclear || wings.unclear) return undefined;
  return store ? dirname(resolve(dirname(config), store)) : join(resolve(root), 'aileron');
}

function configPath(args, env) {
  for (const [at, arg] of args.entries()) {
    if (arg === '--config') return args[at + 1] && resolve(args[at + 1]);
    if (arg.startsWith('--config=')) return resolve(arg.slice('--config='.length));
  }
  if (env.AILERON_CONFIG) return resolve(env.AILERON_CONFIG);
  return defaultPaths.find((path) => existsSync(path));
}

/** Nobody but the present user may change what is in it; `forbidden` are the bits of the mode that must not be set. */
function isOurs(folder, forbidden) {
  const { mode, uid } = lstatSync(folder);
  return (mode & 0o170000) === 0o040000 && uid === process.geteuid() && (mode & forbidden) === 0;
}

/** Single values of a YAML file, as long as they stand in plain lines: `key: value`, at most one block deep. */
class Settings {
  /** Something was asked for that stands in the file in another way. */
  unclear = false;
  #lines;

  constructor(path) {
    this.#lines = existsSync(path) ? readFileSync(path, 'utf8').split(/\r?\n/) : [];
  }

  read(key, block = '') {
    const mention = new RegExp(`(?<![\\w-])${key}["']?\\s*:`);
    const lines = this.#lines.flatMap((line, at) => (mention.test(line.replace(/(?:^|\s)#.*$/, '')) ? [at] : []));
    const blocks = lines.map((at) => (this.#lines[at].trimStart().startsWith(key) ? this.#blockOf(at) : undefined));
    const found = lines.filter((_, index) => blocks[index] === block);
    if (found.length === 0 && !blocks.includes(undefined)) return undefined;
    const value = found.length === 1 && !blocks.includes(undefined) ? this.#valueAt(found[0], key) : undefined;
    if (value === undefined) this.unclear = true;
    return value;
  }

  /** The key of the block that a line stands in: empty at the top, undefined when that is not plain. */
  #blockOf(at) {
    const indent = indentOf(this.#lines[at]);
    if (indent === 0) return '';
    for (let above = at - 1; above >= 0; above -= 1) {
      const line = this.#lines[above];
      if (isBlank(line) || indentOf(line) >= indent) continue;
      const header = /^([\w-]+):\s*(?:#.*)?$/.exec(line);
      return header?.[1] ?? (indentOf(line) > 0 ? `${this.#blockOf(above)}.` : undefined);
    }
    return undefined;
  }

  #valueAt(at, key) {
    const line = this.#lines[at];
    const next = this.#lines.slice(at + 1).find((text) => !isBlank(text));
    const goesOn = next !== undefined && indentOf(next) > indentOf(line);
    const [, value] = new RegExp(`^ *${key}: +(.*?) *$`).exec(line) ?? [];
    return goesOn || value === undefined ? undefined : plainValue(value);
  }
}

function plainValue(text) {
  const quoted = /^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')(?: +#.*)?$/.exec(text)?.[1];
  if (quoted?.startsWith('"')) return JSON.parse(quoted); // a YAML escape that JSON does not know throws
  if (quoted) return quoted.slice(1, -1).replaceAll("''", "'");
  const plain = text.replace(/ +#.*$/, '');
  return /^[/\w.][^:#]*$/.test(plain) && !/^(?:null|true|false)$/i.test(plain) ? plain : undefined;
}

function indentOf(line) {
  return line.length - line.trimStart().length;
}

function isBlank(line) {
  return /^\s*(?:#.*)?$/.test(line);
}
