// A real browser without a window, steered over its debugging protocol: pages are opened, asked, and what goes wrong in
// them is kept. It has a profile of its own and resolves no name, so it reaches this machine alone.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import type { Owner } from './owner.ts';
import { until } from './until.ts';

const upWithinMs = 60_000;
const answerWithinMs = 30_000;

const flags = [
  ...['--headless', '--remote-debugging-port=0', '--no-first-run', '--no-default-browser-check'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-extensions'],
  ...['--disable-gpu', '--disable-dev-shm-usage', '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1'],
  // Its sandbox does not work for root; it sees pages of the tests alone.
  '--no-sandbox',
];

/** For `{ skip: needsChromium() }`. */
export function needsChromium(): string | false {
  return findChromium() === undefined ? 'needs chromium' : false;
}

function findChromium(): string | undefined {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(directory, 'chromium');
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Perhaps in the next one.
    }
  }
  return undefined;
}

interface Answer {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message: string };
}

export class Browser {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, PromiseWithResolvers<Record<string, unknown>>>();
  readonly #pages = new Map<string, Page>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => this.#receive(JSON.parse(String(data)) as Answer));
    socket.on('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser is gone'));
    });
  }

  /** Gone after the test, its profile too. @throws Error with what it said */
  static async start(t: Owner): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), 'aileron-browser-'));
    const child = spawn(findChromium() ?? 'chromium', [...flags, `--user-data-dir=${profile}`], {
      env: { ...process.env, HOME: profile },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const exited = once(child, 'exit');
    let browser: Browser | undefined;
    t.after(async () => {
      await browser?.call('Browser.close').catch(() => undefined);
      const patience = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await exited;
      clearTimeout(patience);
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    });
    const said: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
    const address = await until('the browser is up', upWithinMs, async () => {
      if (child.exitCode !== null) throw new Error(`the browser ended: ${said.join('\n')}`);
      return said.map((line) => /^DevTools listening on (ws:\S+)$/.exec(line)?.[1]).find(Boolean);
    });
    const socket = new WebSocket(address);
    await once(socket, 'open');
    browser = new Browser(socket);
    return browser;
  }

  /** A page that has begun to load. */
  async open(url: string): Promise<Page> {
    const { targetId } = await this.call('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, String(sessionId));
    this.#pages.set(String(sessionId), page);
    for (const domain of ['Runtime', 'Log', 'Network', 'Page']) await page.call(`${domain}.enable`);
    await page.call('Page.navigate', { url });
    return page;
  }

  /** @throws Error with the browser's words */
  async call(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<Record<string, unknown>>();
    this.#waiting.set(id, answer);
    this.#socket.send(JSON.stringify({ id, method, params, ...(sessionId ? { sessionId } : {}) }));
    const timeout = setTimeout(() => answer.reject(new Error(`${method}: no answer`)), answerWithinMs);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timeout);
      this.#waiting.delete(id);
    }
  }

  #receive({ id, sessionId, method, params = {}, result = {}, error }: Answer): void {
    if (id === undefined) {
      if (sessionId && method) this.#pages.get(sessionId)?.hear(method, params);
    } else if (error) {
      this.#waiting.get(id)?.reject(new Error(error.message));
    } else {
      this.#waiting.get(id)?.resolve(result);
    }
  }
}

export class Page {
  /** What its console would show in red. */
  readonly errors: string[] = [];
  /** Addresses it asked for, sockets included. */
  readonly requests: string[] = [];
  readonly #browser: Browser;
  readonly #session: string;

  constructor(browser: Browser, session: string) {
    this.#browser = browser;
    this.#session = session;
  }

  call(method: string, params: object = {}): Promise<Record<string, unknown>> {
    return this.#browser.call(method, params, this.#session);
  }

  /** The value of an expression, as JSON carries it; a promise is awaited. @throws Error with what the page threw */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await this.call('Runtime.evaluate', {
      ...{ expression, returnByValue: true, awaitPromise: true },
    });
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return (result as { value: T }).value;
  }

  hear(method: string, params: Record<string, unknown>): void {
    if (method === 'Runtime.exceptionThrown') this.errors.push(JSON.stringify(params.exceptionDetails));
    if (method === 'Log.entryAdded') {
      const { level, text } = params.entry as { level: string; text: string };
      if (level === 'error') this.errors.push(text);
    }
    if (method === 'Network.requestWillBeSent') this.requests.push((params.request as { url: string }).url);
    if (method === 'Network.webSocketCreated') this.requests.push(String(params.url));
  }
}
