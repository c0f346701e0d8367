// A console as a browser has one: opened from a page of the Panel, with a token that the Panel signed. What is printed
// there goes to `print`, line by line.
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { safeLine } from '../../../src/cli/safe-text.ts';
import { signedToken } from '../signed-token.ts';
import type { PanelStandIn } from './panel-stand-in.ts';
import type { PanelServer } from './panel-state.ts';

/** As the Panels have it: ten minutes. */
const lifetimeSeconds = 600;

const lines = ['console output', 'install output', 'daemon message'];

export interface ConsoleDoor {
  /** `ws://…/api/servers/…/ws` */
  url: string;
  /** The page that a browser is on. */
  origin: string;
  token: string;
}

export function consoleDoor({ state, node, url }: PanelStandIn, server: PanelServer, daemon: string): ConsoleDoor {
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    ...{ iss: url, aud: [daemon], jti: randomUUID(), unique_id: randomUUID() },
    ...{ iat: now, nbf: now - 300, exp: now + lifetimeSeconds },
    ...{ user_uuid: state.users[0]?.uuid ?? randomUUID(), server_uuid: server.uuid },
    permissions: ['*', 'admin.websocket.install'],
    ...(state.flavour === 'pelican' ? { scope: 'websocket' } : {}),
  };
  return {
    url: `${daemon.replace(/^http/, 'ws')}/api/servers/${server.uuid}/ws`,
    origin: new URL(url).origin,
    token: signedToken(claims, node.token),
  };
}

/** Resolves once it is open. The function that it resolves with closes it. @throws Error in a sentence */
export function openConsole(door: () => ConsoleDoor, print: (line: string) => void): Promise<() => void> {
  const { url, origin } = door();
  const socket = new WebSocket(url, { origin });
  const say = (event: string, ...args: string[]) => socket.send(JSON.stringify({ event, args }));
  return new Promise((resolve, reject) => {
    socket.on('open', () => say('auth', door().token));
    socket.on('message', (data) => {
      const { event, args = [] } = JSON.parse(String(data)) as { event: string; args?: string[] };
      if (event === 'auth success') {
        say('send logs');
        resolve(() => socket.close());
      } else if (event === 'token expiring') say('auth', door().token);
      else if (event === 'jwt error') reject(new Error(`The node does not take the token: ${args[0]}.`));
      else if (lines.includes(event)) for (const text of args) print(safeLine(text, { colors: true }));
    });
    socket.on('error', (error) => reject(new Error(`The console does not open: ${error.message}.`, { cause: error })));
    socket.on('close', () => reject(new Error('The node closed the console.')));
  });
}
