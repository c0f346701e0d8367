// `aileron configure`: fetches the configuration of this node from its Panel and writes it. The key of the application API
// is used for one request and shown nowhere.
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { stringify } from 'yaml';
import type { Flavour } from '../../config/config.ts';
import { wingsPaths } from '../../config/load.ts';
import { Section } from '../../config/section.ts';
import { wingsSettings } from '../../config/wings-config.ts';
import { writeDurable } from '../../volumes/write-durable.ts';
import { ask, canAsk, confirm } from '../ask.ts';
import { CliError, type ExitCode, exitCodes, usageError } from '../exit-codes.ts';
import { type Io, print, say } from '../io.ts';
import { safeText } from '../safe-text.ts';
import { type WebAnswer, webRequest } from '../web-request.ts';

export interface ConfigureOptions {
  config?: string;
  configPath?: string;
  panelUrl?: string;
  token?: string;
  node?: string;
  override?: boolean;
  allowInsecure?: boolean;
}

const abortText = 'Aborting process; a configuration file already exists for this node.';
const longestShown = 2_000;

export async function configure(io: Io, options: ConfigureOptions): Promise<ExitCode> {
  refuseUnfit(options);
  // An empty AILERON_CONFIG counts as not set.
  const known = options.configPath ?? (options.config || undefined);
  if (known !== undefined && existsSync(known)) await mayReplace(io, options, known);
  const panel = panelUrl((await given(io, options.panelUrl, { text: 'URL of the Panel:' }, '--panel-url')) ?? '');
  const key = apiKey((await given(io, options.token, { text: 'API key:', hidden: true }, '--token')) ?? '');
  const node = nodeId((await given(io, options.node, { text: 'ID of the node:' }, '--node')) ?? '');
  const path = resolve(known ?? defaultPath(key));
  if (known === undefined && existsSync(path)) await mayReplace(io, options, path);
  const flavour = flavourOf(path, key);
  const answer = await fetchConfiguration({ panel, key, node, flavour, insecure: options.allowInsecure === true });
  const text = configurationText(path, flavour, panel, answer);
  await write(path, text);
  print(io, 'Successfully configured wings.');
  say(io, `The configuration is in ${path}; aileron doctor says whether the node can work with it.`);
  tellOtherName(io, panel, answer);
  return exitCodes.ok;
}

/** What can be said without asking anybody. */
function refuseUnfit({ panelUrl: url, token, node }: ConfigureOptions): void {
  if (url !== undefined) panelUrl(url);
  if (token !== undefined) apiKey(token);
  if (node !== undefined) nodeId(node);
}

async function given(
  io: Io,
  value: string | undefined,
  question: { text: string; hidden?: boolean },
  option: string,
): Promise<string | undefined> {
  if (value !== undefined) return value;
  if (!canAsk(io)) throw usageError(`${option} is missing, and there is nobody to ask.`);
  return ask(io, question);
}

async function mayReplace(io: Io, { override = false }: ConfigureOptions, path: string): Promise<void> {
  if (override) return;
  if (canAsk(io) && (await confirm(io, `${path} exists. Replace it?`, false))) return;
  throw new CliError(abortText);
}

/** Without the slash at its end; a Panel may live below a path. */
function panelUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    (url?.protocol !== 'http:' && url?.protocol !== 'https:') ||
    url.search !== '' ||
    url.hash !== '' ||
    url.username !== ''
  )
    throw usageError('--panel-url is the URL of the Panel, such as https://panel.example.com.');
  return text.replace(/\/+$/, '');
}

function apiKey(text: string): string {
  if (/^[\x21-\x7e]{1,512}$/.test(text)) return text;
  throw usageError('--token is a key of the application API of the Panel: letters, digits and signs without spaces.');
}

function nodeId(text: string): string {
  if (/^\d{1,18}$/.test(text)) return text;
  throw usageError('--node is the number of the node in the Panel.');
}

/** Keys say whose they are; else whoever has a directory here. */
function defaultPath(key: string): string {
  const [pterodactyl, pelican] = wingsPaths;
  if (key.startsWith('ptla_')) return pterodactyl;
  if (key.startsWith('peli_') || key.startsWith('papp_')) return pelican;
  return wingsPaths.find((path) => existsSync(dirname(path))) ?? pelican;
}

function flavourOf(path: string, key: string): Flavour {
  const directory = basename(dirname(path));
  if (directory === 'pterodactyl' || directory === 'pelican') return directory;
  return key.startsWith('ptla_') ? 'pterodactyl' : 'pelican';
}

interface Request {
  panel: string;
  key: string;
  node: string;
  flavour: Flavour;
  insecure: boolean;
}

async function fetchConfiguration({ panel, key, node, flavour, insecure }: Request): Promise<Record<string, unknown>> {
  const url = `${panel}/api/application/nodes/${node}/configuration`;
  const accept = flavour === 'pterodactyl' ? 'application/vnd.pterodactyl.v1+json' : 'application/json';
  let answer: WebAnswer;
  try {
    answer = await webRequest(url, { headers: { authorization: `Bearer ${key}`, accept }, insecure });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const remedy = /CERT|SELF_SIGNED|ALTNAME/.test(code ?? '') ? '; --allow-insecure does not check certificates' : '';
    throw new CliError(`The Panel at ${panel} does not answer: ${message}${remedy}.`, {
      exitCode: exitCodes.unreachable,
      cause: error,
    });
  }
  const { status, text, headers } = answer;
  if (status === 401 || status === 403) throw new CliError('The authentication credentials provided were not valid.');
  if (status >= 300 && status < 400)
    throw new CliError(
      `The Panel sends everybody to ${safeText(String(headers['location'] ?? 'another place'))}; name it with --panel-url.`,
    );
  if (status !== 200) {
    const body = safeText(text.replaceAll(key, '***').slice(0, longestShown));
    throw new CliError(`The Panel answered with ${status}: ${body}`);
  }
  return documentOf(text, panel);
}

function documentOf(text: string, panel: string): Record<string, unknown> {
  const odd = (cause?: unknown) => new CliError(`What answers at ${panel} sent no configuration of a node.`, { cause });
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (error) {
    throw odd(error);
  }
  if (typeof read !== 'object' || read === null || Array.isArray(read)) throw odd();
  const document = read as Record<string, unknown>;
  if (typeof document['token'] !== 'string' || document['token'] === '' || typeof document['token_id'] !== 'string')
    throw odd();
  return document;
}

/** All that the Panel sent, in words that Wings reads too. @throws ConfigError, CliError */
function configurationText(path: string, flavour: Flavour, panel: string, answer: Record<string, unknown>): string {
  const { token, token_id: id } = answer;
  // Such a value would be read from this machine at the next start.
  if (/^file:|\$/.test(String(token)) || /^file:|\$/.test(String(id)))
    throw new CliError('The Panel sent a token that names a file or a variable; it was not written.');
  const document = { ...answer, remote: panel };
  const text = stringify(document, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false });
  wingsSettings(Section.parse(path, text), flavour, {});
  return `# Written by aileron configure; yours to change.\n${text}`;
}

async function write(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeDurable(path, text, { mode: 0o600 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CliError(
      `${path} cannot be written (${code ?? message}); run this as root, or name another file with --config-path.`,
      {
        cause: error,
      },
    );
  }
}

/** Browsers come from where the Panel says that it is, and the node takes consoles from `remote` alone. */
function tellOtherName(io: Io, panel: string, { remote }: Record<string, unknown>): void {
  if (typeof remote !== 'string' || !URL.canParse(remote)) return;
  const { origin } = new URL(remote);
  if (origin === new URL(panel).origin) return;
  say(
    io,
    `The Panel calls itself ${safeText(origin)}: when browsers reach it by that name, add it to allowed_origins.`,
  );
}
