// All open console sockets of the node: made here, counted here, and closed here when their server is deleted or
// suspended, or when the node stops.
import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { clientAddress, type TrustedProxies } from './client-address.ts';
import { ConsoleSocket, type ConsoleSocketDeps } from './console-socket.ts';
import type { ServerChange } from './server-lookup.ts';
import { type Closing, closings } from './socket-errors.ts';
import type { SocketPlaces } from './socket-places.ts';

/** For all sockets to say goodbye when the node stops, ms. */
const goodbyeMs = 2_000;

export interface ConsoleSocketsDeps extends ConsoleSocketDeps {
  proxies: TrustedProxies;
}

export class ConsoleSockets {
  readonly #deps: ConsoleSocketsDeps;
  readonly #places: SocketPlaces;
  readonly #sockets = new Map<string, Set<ConsoleSocket>>();
  readonly #unsubscribe: () => void;
  #closing = false;
  #onLast: (() => void) | undefined;

  constructor(deps: ConsoleSocketsDeps, places: SocketPlaces) {
    this.#deps = deps;
    this.#places = places;
    this.#unsubscribe = deps.servers.onChange((change) => this.#follow(change));
  }

  open(serverUuid: string, socket: WebSocket, request: IncomingMessage): void {
    const { socket: connection } = request;
    let opened: ConsoleSocket | undefined;
    const address = clientAddress(connection.remoteAddress, request.headers, this.#deps.proxies);
    const place = this.#places.take(serverUuid, address, () => opened?.close(closings.tooMany));
    const upgraded = { serverUuid, socket, connection, place, address, host: request.headers.host };
    opened = new ConsoleSocket(this.#deps, upgraded, () => this.#remove(opened));
    const ofServer = this.#sockets.get(serverUuid) ?? new Set();
    this.#sockets.set(serverUuid, ofServer.add(opened));
    if (this.#closing) opened.close(closings.stopping);
  }

  /** Resolves when no socket is left. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#unsubscribe();
    if (this.#sockets.size === 0) return;
    const last = Promise.withResolvers<void>();
    this.#onLast = last.resolve;
    this.#each((socket) => socket.close(closings.stopping));
    const cancel = this.#deps.clock.after(goodbyeMs, () => this.#each((socket) => socket.terminate()));
    await last.promise;
    cancel();
  }

  #follow({ type, object }: ServerChange): void {
    const uuid = object.spec.uuid ?? '';
    if (type === 'DELETED' || object.metadata.deletionTimestamp) {
      for (const socket of this.#ofServer(uuid)) socket.closeDeleted();
      if (type === 'DELETED') this.#deps.hub.forget(uuid);
    } else if (object.spec.suspended) {
      this.#closeServer(uuid, closings.suspended);
    }
  }

  #closeServer(uuid: string, closing: Closing): void {
    for (const socket of this.#ofServer(uuid)) socket.close(closing);
  }

  #ofServer(uuid: string): ConsoleSocket[] {
    return [...(this.#sockets.get(uuid) ?? [])];
  }

  #each(act: (socket: ConsoleSocket) => void): void {
    for (const uuid of [...this.#sockets.keys()]) for (const socket of this.#ofServer(uuid)) act(socket);
  }

  #remove(socket: ConsoleSocket | undefined): void {
    if (!socket) return;
    const ofServer = this.#sockets.get(socket.serverUuid);
    ofServer?.delete(socket);
    if (ofServer?.size === 0) this.#sockets.delete(socket.serverUuid);
    if (this.#sockets.size === 0) this.#onLast?.();
  }
}
