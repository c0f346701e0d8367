// Whether a console opens: the way of a browser to a server of this node, walked with a token made here. What fails is
// named, because a browser itself shows nothing but a spinner.
import { randomUUID } from 'node:crypto';
import type { ConnectionOptions } from 'node:tls';
import { WebSocket } from 'ws';
import type { Config } from '../../config/config.ts';
import { serverKind } from '../../resources/kinds.ts';
import type { Server } from '../../resources/server.ts';
import { KubeClient } from '../kube-client.ts';
import { addressOf, localPki } from '../node-access.ts';
import { consoleTarget } from '../wings-door.ts';
import { type Check, type Finding, messageOf, ok, problem, warning } from './finding.ts';

const timeoutMs = 8_000;

export const checkConsole: Check = async ({ config, daemon }) => {
  const found = settings(config);
  if (daemon === undefined)
    return found.length > 0 ? found : [ok('Nothing in the settings keeps a console from opening')];
  const uuid = await someServer(config).catch(() => undefined); // the daemon's own check says what is wrong there
  return [...found, await attempt(config, uuid)];
};

function settings({ remote, path, api }: Config): Finding[] {
  if (!remote.startsWith('https:') || api.ssl.enabled) return [];
  const proxy = warning(
    `The Panel (remote in ${path}) is on https, and the API of the node speaks plain http`,
    'Put a proxy with a certificate before it that passes WebSockets on: a browser opens no console without.',
  );
  return [proxy];
}

async function someServer(config: Config): Promise<string | undefined> {
  const { caCertificate: ca, token } = await localPki(config);
  const client = new KubeClient({ origin: `https://${addressOf(config.aileron.kube)}`, ca, token });
  try {
    const { items } = await client.list<Server>(serverKind);
    return items.find(({ spec }) => !spec.suspended)?.spec.uuid;
  } finally {
    client.close();
  }
}

/** Without a server the answer "no such server" is as far as one gets. */
async function attempt(config: Config, uuid: string | undefined): Promise<Finding> {
  const { url, origin, ...target } = consoleTarget(config, '', uuid ?? randomUUID());
  let trust: ConnectionOptions;
  try {
    trust = await target.trust();
  } catch (error) {
    return problem(messageOf(error), `Correct api.ssl in ${config.path}.`);
  }
  const token = await target.token();
  return new Promise((resolve) => {
    const socket = new WebSocket(url, { ...trust, origin, handshakeTimeout: timeoutMs });
    const settle = (finding: Finding) => {
      clearTimeout(timer);
      resolve(finding);
      socket.terminate();
    };
    const timer = setTimeout(
      () => settle(problem(`No answer to a token came from ${url}`, 'The log of the daemon says more.')),
      timeoutMs,
    );
    socket.on('open', () => socket.send(JSON.stringify({ event: 'auth', args: [token] })));
    socket.on('unexpected-response', (_request, { statusCode }) => settle(refused(statusCode, uuid, config, origin)));
    socket.on('error', (error: NodeJS.ErrnoException) => settle(unanswered(error, config)));
    socket.on('message', (data) => {
      const { event, args } = JSON.parse(String(data)) as { event?: string; args?: string[] };
      if (event === 'auth success') settle(ok('A console opens'));
      if (event === 'jwt error')
        settle(
          problem(
            `The node does not take a token made with ${config.path}: ${args?.[0]}`,
            'Restart the daemon when the token was changed; compare the clocks.',
          ),
        );
    });
  });
}

function unanswered({ code = '', message }: NodeJS.ErrnoException, { api, path }: Config): Finding {
  const at = `The API of the node at ${addressOf(api)}`;
  const isTls =
    code === 'EPROTO' || code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || /CERT|SIGNATURE|ISSUER/.test(code);
  if (api.ssl.enabled && isTls)
    return problem(
      `${at} does not show the certificate of ${api.ssl.cert} (${code})`,
      `Restart the daemon when api.ssl in ${path} was changed; a renewed file is taken within a minute.`,
    );
  return problem(
    `${at} does not answer (${code || message})`,
    `See api.host and api.port in ${path}, and a firewall in between.`,
  );
}

function refused(status: number | undefined, uuid: string | undefined, config: Config, origin: string): Finding {
  if (status === 404 && uuid === undefined)
    return ok('The API for consoles answers; there is no server to open one of');
  if (status === 403)
    return problem(
      `The node refuses consoles from ${origin}`,
      `Restart the daemon when remote or allowed_origins in ${config.path} was changed.`,
    );
  return problem(
    `The node answered a console with ${status}`,
    status === 404
      ? 'Another program may listen on api.port; see the ports above.'
      : 'The log of the daemon says more.',
  );
}
