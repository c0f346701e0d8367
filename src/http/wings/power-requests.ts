// Power actions from a console: written as a wish into the store, then followed until status says how the wish ended.
// A wish that a newer one replaced ended without a word: who asked for the newer one hears how that went.

import type { Admission, WriteContext } from '../../resources/admission.ts';
import { installingText, restoringText } from '../../resources/power.ts';
import type { PowerAction, ProcessState, Server } from '../../resources/server.ts';
import type { ServerChange, ServerLookup } from './server-lookup.ts';
import { daemonErrors, SocketRequestError } from './socket-errors.ts';

export interface PowerRequestsOptions {
  admission: Pick<Admission, 'patch'>;
  servers: ServerLookup;
  /** As watchers see it. */
  state(uuid: string): ProcessState;
}

interface Followed {
  request: string;
  /** The store has told of it: from then on another one in its place has replaced it. */
  seen: boolean;
  ended: PromiseWithResolvers<Server | undefined>;
}

/** Wishes that are followed at one time; beyond, the outcome of the oldest is told nobody. */
const mostFollowed = 1_000;

export class PowerRequests {
  readonly #options: PowerRequestsOptions;
  readonly #followed = new Set<Followed & { uuid: string }>();
  readonly #unsubscribe: () => void;

  constructor(options: PowerRequestsOptions) {
    this.#options = options;
    this.#unsubscribe = options.servers.onChange((change) => this.#look(change));
  }

  /**
   * Resolves when the action came to its end, or was replaced.
   * @throws SocketRequestError when it failed or cannot be, PowerConflictError when another one is under way
   */
  async perform(uuid: string, action: PowerAction, by: string): Promise<void> {
    const { admission, servers, state } = this.#options;
    const server = servers.byUuid(uuid);
    if (!server) return;
    const { name } = server.metadata;
    const patch = { spec: { power: { request: { action } } } };
    const kind = server.status?.claim?.kind;
    const taken = kind === 'Restore' ? restoringText : kind === 'Installation' ? installingText : undefined;
    if (taken || (action === 'start' && state(uuid) !== 'offline')) {
      // Another action under way is the better reason, and only admission knows.
      await admission.patch('Server', name, patch, writeContext(by, true));
      throw new SocketRequestError(taken ?? daemonErrors.running);
    }
    const written = (await admission.patch('Server', name, patch, writeContext(by, false))) as Server;
    const ended = await this.#follow(uuid, written.spec.power.request?.id ?? '');
    const { outcome, message } = ended?.status?.power ?? {};
    if (outcome === 'Failed' || outcome === 'Refused') throw new SocketRequestError(message ?? `${action} ${outcome}`);
  }

  close(): void {
    this.#unsubscribe();
    for (const followed of this.#followed) this.#end(followed, undefined);
  }

  #follow(uuid: string, request: string): Promise<Server | undefined> {
    const followed = { uuid, request, seen: false, ended: Promise.withResolvers<Server | undefined>() };
    this.#followed.add(followed);
    if (this.#followed.size > mostFollowed) {
      const [oldest] = this.#followed;
      if (oldest) this.#end(oldest, undefined);
    }
    const object = this.#options.servers.byUuid(uuid);
    if (object) this.#look({ type: 'MODIFIED', object });
    return followed.ended.promise;
  }

  #look({ type, object }: ServerChange): void {
    for (const followed of this.#followed) {
      if (followed.uuid !== object.spec.uuid) continue;
      const present = object.spec.power.request?.id === followed.request;
      followed.seen ||= present;
      if (object.status?.power?.finishedRequest === followed.request) this.#end(followed, object);
      else if (type === 'DELETED' || (followed.seen && !present)) this.#end(followed, undefined);
    }
  }

  #end(followed: Followed & { uuid: string }, object: Server | undefined): void {
    this.#followed.delete(followed);
    followed.ended.resolve(object);
  }
}

function writeContext(by: string, dryRun: boolean): WriteContext {
  return { by, owner: { kind: 'User', ref: by }, dryRun, fieldValidation: 'Strict', warn: () => {} };
}
