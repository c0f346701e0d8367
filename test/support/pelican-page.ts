// The console page of a Pelican Panel as far as a node can tell: what it does with each event, what it asks its own server
// for, and what that server cannot take. Names that the page does not know it must ignore; it keeps them, so that a test
// can see that they came.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Owner } from './owner.ts';

/** A request of the page to the Panel, in the words of the page. */
export interface PageRequest {
  name: string;
  value: unknown;
  /** 500: it broke on this value. */
  status: number;
}

export interface PelicanPage {
  /** Of the page, for `allowed_origins`. */
  origin: string;
  url: string;
  requests: PageRequest[];
}

/** Every state that the Panel knows; it fails on any other. */
const knownStates = [
  ...['created', 'starting', 'running', 'restarting', 'exited', 'paused', 'dead', 'removing', 'stopping', 'offline'],
  'missing',
];

const html = (socket: string) => `<!doctype html>
<meta charset="utf-8">
<title>console</title>
<pre id="terminal"></pre>
<script>
  const ignored = [];
  const terminal = document.getElementById('terminal');
  const print = (line) => terminal.append(line.replace(/(?:\\r\\n|\\r|\\n)$/, '') + '\\n');
  const ask = async (name, value) => {
    const answer = await fetch('/livewire/update', { method: 'POST', body: JSON.stringify({ name, value }) });
    return answer.ok ? answer.json() : {};
  };
  const socket = new WebSocket(${JSON.stringify(socket)});
  const say = (event, value) => socket.send(JSON.stringify({ event, args: [value] }));
  const authenticate = async () => say('auth', (await ask('token-request')).token);
  const known = {
    'console output': print,
    'install output': print,
    'daemon error': print,
    'transfer status': (status) => status === 'failure' && print('Transfer has failed.'),
    'feature match': (match) => ask('mount-feature', match),
    status: (state) => {
      print('Server marked as ' + state + '...');
      ask('console-status', state);
    },
    stats: (figures) => ask('store-stats', figures),
    'auth success': () => say('send logs', null),
    'token expiring': authenticate,
    'token expired': authenticate,
  };
  socket.onerror = () => ask('websocket-error');
  socket.onopen = authenticate;
  socket.onmessage = ({ data }) => {
    const { event, args } = JSON.parse(data);
    if (Object.hasOwn(known, event)) known[event](args?.[0]);
    else ignored.push(event);
  };
</script>
`;

/** Served on a free port until the test ends. `token` is asked for each time that the page wants one. */
export async function servePelicanPage(
  t: Owner,
  socket: () => string,
  token: () => Promise<string>,
): Promise<PelicanPage> {
  const requests: PageRequest[] = [];
  const server = createServer((request, answer) => {
    if (request.method !== 'POST') {
      answer.writeHead(request.url === '/' ? 200 : 204, { 'Content-Type': 'text/html; charset=utf-8' });
      answer.end(request.url === '/' ? html(socket()) : undefined);
      return;
    }
    void (async () => {
      const { name, value } = JSON.parse(await bodyOf(request)) as Omit<PageRequest, 'status'>;
      const status = isTaken(name, value) ? 200 : 500;
      requests.push({ name, value, status });
      const body = name === 'token-request' ? { token: await token() } : {};
      answer.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, url: `${origin}/`, requests };
}

/** As typed parameters and the enum of the Panel take it. */
function isTaken(name: string, value: unknown): boolean {
  if (name === 'token-request') return true;
  if (typeof value !== 'string') return false;
  if (name === 'console-status') return knownStates.includes(value);
  return name === 'store-stats' && typeof JSON.parse(value) === 'object';
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const piece of request.setEncoding('utf8')) body += piece;
  return body;
}
