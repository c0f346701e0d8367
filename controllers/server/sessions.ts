// The sessions of this node, one a server at most, by uuid.
import { Session, type SessionDeps, type SessionTarget } from './session.ts';

export class Sessions {
  readonly #deps: SessionDeps;
  readonly #onChange: (uuid: string) => void;
  readonly #onOpen: (session: Session) => () => void;
  readonly #ends = new Map<string, () => void>();
  readonly #byUuid = new Map<string, Session>();

  /** `onChange` hears that a session has a new fact, `onOpen` of each that opened; what that answers is called at its end. */
  constructor(deps: SessionDeps, onChange: (uuid: string) => void, onOpen: (session: Session) => () => void) {
    this.#deps = deps;
    this.#onChange = onChange;
    this.#onOpen = onOpen;
  }

  get(uuid: string): Session | undefined {
    return this.#byUuid.get(uuid);
  }

  /** For a process that is about to start. Replaces an older session of the server; when opening fails nothing is left behind. */
  open(target: SessionTarget): Promise<Session> {
    return this.#open(target, (session) => session.open());
  }

  /** For a process that runs already. */
  openRunning(target: SessionTarget): Promise<Session> {
    return this.#open(target, (session) => session.openRunning());
  }

  async #open(target: SessionTarget, begin: (session: Session) => Promise<void>): Promise<Session> {
    this.close(target.uuid);
    const log = this.#deps.log.child({ server: target.uuid });
    const session = new Session({ ...this.#deps, log }, target, () => this.#onChange(target.uuid));
    this.#byUuid.set(target.uuid, session);
    try {
      await begin(session);
    } catch (error) {
      this.close(target.uuid);
      throw error;
    }
    this.#ends.set(target.uuid, this.#onOpen(session));
    return session;
  }

  close(uuid: string): void {
    this.#ends.get(uuid)?.();
    this.#ends.delete(uuid);
    this.#byUuid.get(uuid)?.close();
    this.#byUuid.delete(uuid);
  }

  /** Docker went away: what ends from here on ends unseen. */
  interruptAll(): void {
    for (const session of this.#byUuid.values()) session.interrupted = true;
  }

  /** Docker is back. */
  hurryAll(): void {
    for (const session of this.#byUuid.values()) session.hurry();
  }

  /** For shutdown: stop watching, leave the processes alone. */
  closeAll(): void {
    for (const uuid of [...this.#byUuid.keys()]) this.close(uuid);
  }
}
