// The Panel's remote API over HTTP. Guarantees: answers are read up to a bound, a call ends when its signal does, ids that
// become part of a path are UUIDs, and no secret reaches a log. Credentials are asked for with each call, because the
// Panel may change them while the daemon runs.
import type { Clock } from '../clock/clock.ts';
import type { Flavour } from '../config/config.ts';
import type { Logger } from '../telemetry/log.ts';
import { Redactor } from '../telemetry/redact.ts';
import { type JsonBounds, parseBounded } from './bounded-json.ts';
import { complaintOf } from './complaint.ts';
import { Exchange, type PanelAnswer } from './exchange.ts';
import type {
  ActivityEntry,
  BackupReport,
  InstallScript,
  PanelApi,
  ServerPage,
  SftpLogin,
  SftpUser,
  UploadParts,
} from './panel-api.ts';
import { PanelResponseError, PanelUnreachableError, PanelUnreadableError } from './panel-errors.ts';
import type { CallResult, PanelMetrics } from './panel-metrics.ts';
import { fieldsOf, integerOf, isFields, listOf, textOf, textsOf } from './read-value.ts';
import { repeatedly } from './retry.ts';

export interface PanelClientOptions {
  /** `remote` of config.yml; a path in it is kept. */
  remote: string;
  flavour: Flavour;
  /** Without a leading v. */
  version: string;
  credentials: () => { id: string; secret: string };
  timeoutMs: number;
  customHeaders: Readonly<Record<string, string>>;
  ignoreCertificateErrors: boolean;
  environment: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  log: Logger;
  metrics: Pick<PanelMetrics, 'called'>;
  random?: () => number;
  /** Hears how each try ended; undefined = well. */
  onCall?: (error: unknown) => void;
}

interface Call {
  /** In metrics. */
  endpoint: string;
  method: 'GET' | 'POST';
  path: string;
  query?: Record<string, string | number>;
  body?: unknown;
  maxBytes?: number;
}

const mebibyte = 1_048_576;
const pageBytes = 16 * mebibyte;
const recordBytes = 4 * mebibyte;
const otherBytes = mebibyte;
const pageBounds: JsonBounds = { depth: 64, values: 1_000_000 };

const warnEveryMs = 3_600_000;

/** Set by us, whatever the owner of the node writes. */
const ownHeaders = [
  'authorization',
  'user-agent',
  'accept',
  'content-type',
  'accept-encoding',
  'content-length',
  'host',
];

const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export class PanelClient implements PanelApi {
  readonly #options: PanelClientOptions;
  readonly #exchange: Exchange;
  readonly #base: string;
  readonly #customHeaders: Record<string, string>;
  /** Of the redirect of a report; monotonic, ms. */
  #warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: PanelClientOptions) {
    const { remote, customHeaders } = options;
    this.#options = options;
    this.#exchange = new Exchange(options);
    this.#base = `${remote.endsWith('/') ? remote.slice(0, -1) : remote}/api/remote`;
    this.#customHeaders = Object.fromEntries(
      Object.entries(customHeaders).filter(([name]) => !ownHeaders.includes(name.toLowerCase())),
    );
  }

  close(): void {
    this.#exchange.close();
  }

  async servers(page: number, perPage: number, signal: AbortSignal): Promise<ServerPage> {
    const query = { page, per_page: perPage };
    const call: Call = { endpoint: 'servers', method: 'GET', path: '/servers', query, maxBytes: pageBytes };
    const answer = objectOf(await this.#once(call, signal));
    if (!('data' in answer)) throw new PanelUnreadableError('the Panel answered without a list of servers');
    const meta = fieldsOf(answer['meta']);
    const currentPage = Math.max(1, integerOf(meta['current_page']) ?? page);
    return {
      records: listOf(answer['data']),
      currentPage,
      lastPage: Math.max(currentPage, integerOf(meta['last_page']) ?? 1),
      total: integerOf(meta['total']),
    };
  }

  async server(uuid: string, signal: AbortSignal, mayRepeat?: () => boolean): Promise<unknown> {
    const call: Call = { endpoint: 'server', method: 'GET', path: `/servers/${checked(uuid)}`, maxBytes: recordBytes };
    return objectOf(await this.#repeated(call, signal, mayRepeat));
  }

  async installScript(uuid: string, signal: AbortSignal): Promise<InstallScript> {
    const path = `/servers/${checked(uuid)}/install`;
    const call: Call = { endpoint: 'install_script', method: 'GET', path, maxBytes: recordBytes };
    const answer = objectOf(await this.#repeated(call, signal));
    return {
      image: textOf(answer['container_image']) ?? '',
      entrypoint: textOf(answer['entrypoint']) ?? '',
      script: textOf(answer['script']) ?? '',
    };
  }

  async sftpLogin(login: SftpLogin, signal: AbortSignal): Promise<SftpUser> {
    const { type, username, password, ip, sessionId, clientVersion } = login;
    const body = { type, username, password, ip, session_id: sessionId, client_version: clientVersion };
    const answer = objectOf(
      await this.#repeated({ endpoint: 'sftp_auth', method: 'POST', path: '/sftp/auth', body }, signal),
    );
    const [user, server] = [textOf(answer['user']), textOf(answer['server'])];
    if (!user || !server || !uuidForm.test(server))
      throw new PanelUnreadableError('the Panel answered a login without a user or a server');
    return { user, server, permissions: textsOf(answer['permissions']) };
  }

  async uploadParts(backup: string, size: number, signal: AbortSignal): Promise<UploadParts> {
    const path = `/backups/${checked(backup)}`;
    const answer = objectOf(
      await this.#once({ endpoint: 'backup_parts', method: 'GET', path, query: { size }, maxBytes: pageBytes }, signal),
    );
    const urls = textsOf(answer['parts']);
    const partSize = integerOf(answer['part_size']) ?? 0;
    if (urls.length === 0 || partSize <= 0)
      throw new PanelUnreadableError('the Panel answered without the parts of an upload');
    return { urls, partSize, maxConcurrentUploads: Math.max(1, integerOf(answer['max_concurrent_uploads']) ?? 1) };
  }

  async reportInstall(uuid: string, report: { successful: boolean; reinstall: boolean }, signal: AbortSignal) {
    const { successful, reinstall } = report;
    await this.#report('install', `/servers/${checked(uuid)}/install`, { successful, reinstall }, signal);
  }

  async reportBackup(backup: string, report: BackupReport, signal: AbortSignal): Promise<void> {
    const { checksum, checksumType, size, successful, parts } = report;
    const body = {
      ...{ checksum, checksum_type: checksumType, size, successful },
      parts: parts?.map(({ etag, partNumber }) => ({ etag, part_number: partNumber })) ?? null,
    };
    await this.#report('backup', `/backups/${checked(backup)}`, body, signal);
  }

  async reportRestore(backup: string, successful: boolean, signal: AbortSignal): Promise<void> {
    await this.#report('restore', `/backups/${checked(backup)}/restore`, { successful }, signal);
  }

  async reportTransfer(uuid: string, result: 'success' | 'failure', signal: AbortSignal): Promise<void> {
    await this.#report('transfer', `/servers/${checked(uuid)}/transfer/${result}`, null, signal);
  }

  async reportActivity(entries: readonly ActivityEntry[], signal: AbortSignal): Promise<void> {
    await this.#report('activity', '/activity', { data: entries }, signal);
  }

  async reportState(uuid: string, { previous, next }: { previous: string; next: string }, signal: AbortSignal) {
    const body = { data: { previous_state: previous, new_state: next } };
    await this.#report('container_status', `/servers/${checked(uuid)}/container/status`, body, signal);
  }

  async resetServers(signal: AbortSignal): Promise<void> {
    await this.#report('reset', '/servers/reset', null, signal);
  }

  async #report(endpoint: string, path: string, body: unknown, signal: AbortSignal): Promise<void> {
    await this.#answer({ endpoint, method: 'POST', path, body }, signal);
  }

  async #once(call: Call, signal: AbortSignal): Promise<unknown> {
    const { body } = await this.#answer(call, signal);
    return parseBounded(body, pageBounds);
  }

  #repeated(call: Call, signal: AbortSignal, mayRepeat = () => true): Promise<unknown> {
    const { clock, random = Math.random } = this.#options;
    return repeatedly(() => this.#once(call, signal), { clock, random, mayRepeat }, signal);
  }

  /** One try. Answers what was a success. */
  async #answer(call: Call, signal: AbortSignal): Promise<PanelAnswer> {
    const { clock, metrics, log, onCall } = this.#options;
    const { endpoint, method, path } = call;
    const begin = clock.monotonic();
    try {
      const answer = await this.#send(call, signal);
      if (answer.status < 200 || answer.status > 299) throw this.#refusal(answer, clock.now());
      metrics.called(endpoint, 'ok', (clock.monotonic() - begin) / 1000);
      onCall?.(undefined);
      return answer;
    } catch (error) {
      metrics.called(endpoint, resultOf(error), (clock.monotonic() - begin) / 1000);
      if (isRedirect(error) && method === 'POST') this.#warnOfRedirect(path);
      log.debug({ err: error, method, path }, 'a call to the Panel failed');
      if (!signal.aborted) onCall?.(error);
      throw error;
    }
  }

  /** Each report and each of its tries ends so. */
  #warnOfRedirect(path: string): void {
    const { clock, log } = this.#options;
    const now = clock.monotonic();
    if (now - this.#warnedAt < warnEveryMs) return;
    this.#warnedAt = now;
    log.warn({ path }, 'remote must be the final URL of the Panel');
  }

  /** The words of the Panel go to consoles and Events: whatever sent our secrets back, they end here. */
  #refusal({ status, headers, body }: PanelAnswer, now: number): PanelResponseError {
    const redactor = new Redactor();
    redactor.addAll([this.#options.credentials().secret, ...Object.values(this.#customHeaders)]);
    const { code, detail, fields } = complaintOf(body);
    const complaint = { code: redactor.text(code), detail: redactor.text(detail), fields };
    return new PanelResponseError(status, complaint, retryAfter(headers['retry-after'], now));
  }

  #send({ method, path, query, body, maxBytes = otherBytes }: Call, signal: AbortSignal): Promise<PanelAnswer> {
    const url = new URL(`${this.#base}${path}`);
    for (const [name, value] of Object.entries(query ?? {}).sort()) url.searchParams.set(name, String(value));
    const content = method === 'POST' ? JSON.stringify(body) : undefined;
    const headers = { ...this.#customHeaders, ...this.#ownHeaders(content) };
    return this.#exchange.send(
      { method, url, headers, maxBytes, ...(content === undefined ? {} : { body: content }) },
      signal,
    );
  }

  #ownHeaders(content: string | undefined): Record<string, string> {
    const { flavour, version, credentials } = this.#options;
    const { id, secret } = credentials();
    const [name, accept] =
      flavour === 'pelican' ? ['Pelican', 'application/json'] : ['Pterodactyl', 'application/vnd.pterodactyl.v1+json'];
    return {
      Authorization: `Bearer ${id}.${secret}`,
      Accept: accept,
      'Content-Type': 'application/json',
      'Accept-Encoding': 'gzip',
      'User-Agent': `${name} Wings/v${version} (id:${id})`,
      ...(content === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(content)) }),
    };
  }
}

/** Nothing that came from elsewhere becomes part of a path unless it is an id. */
function checked(uuid: string): string {
  if (!uuidForm.test(uuid)) throw new TypeError('an id for the Panel is no UUID');
  return uuid;
}

function objectOf(answer: unknown): Record<string, unknown> {
  if (!isFields(answer)) throw new PanelUnreadableError('the Panel answered with something that is no object');
  return answer;
}

/** Seconds or a date, as ms from now. */
function retryAfter(text: string | undefined, now: number): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d{1,6}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined;
}

function isRedirect(error: unknown): boolean {
  return error instanceof PanelResponseError && error.status >= 300 && error.status < 400;
}

function resultOf(error: unknown): CallResult {
  if (error instanceof PanelUnreachableError) return 'unreachable';
  if (error instanceof PanelUnreadableError) return 'unreadable';
  if (error instanceof PanelResponseError) return error.status >= 400 && error.status < 500 ? 'refused' : 'failed';
  return 'aborted';
}
