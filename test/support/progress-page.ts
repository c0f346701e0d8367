// A page as small as a front end can be: it opens a console socket, keeps what comes with the time at which it came, and
// draws the progress of what runs as a bar.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Owner } from './owner.ts';

export interface ProgressPage {
  /** Of the page, for `allowed_origins`. */
  origin: string;
  /** Address of a page that watches the server behind `socket` with this token. */
  url(socket: string, token: string): string;
}

const html = `<!doctype html>
<meta charset="utf-8">
<title>progress</title>
<progress id="bar" max="100" value="0"></progress>
<output id="state"></output>
<script>
  const [address, token] = JSON.parse(decodeURIComponent(location.hash.slice(1)));
  const recorded = [];
  const bars = [];
  const socket = new WebSocket(address);
  socket.onopen = () => socket.send(JSON.stringify({ event: 'auth', args: [token] }));
  socket.onmessage = ({ data }) => {
    const { event, args = [] } = JSON.parse(data);
    recorded.push({ at: performance.now(), event, args });
    if (event === 'server_status') document.getElementById('state').value = args[0];
    if (event !== 'backup_progress' && event !== 'restore_progress') return;
    const bar = document.getElementById('bar');
    bar.value = JSON.parse(args[0]).percentage;
    bars.push(bar.position);
  };
</script>
`;

/** Served on a free port until the test ends. */
export async function serveProgressPage(t: Owner): Promise<ProgressPage> {
  const server = createServer(({ url }, answer) => {
    answer.writeHead(url === '/' ? 200 : 204, { 'Content-Type': 'text/html; charset=utf-8' });
    answer.end(url === '/' ? html : undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { origin, url: (socket, token) => `${origin}/#${encodeURIComponent(JSON.stringify([socket, token]))}` };
}
