// The way of a typed line from a door to the process. The controller that holds a server's console registers it here;
// doors know only this. A line is not state: it goes straight through, or is refused.

/** No console is attached: the process does not run, or is not reached at this moment. */
export class NoConsoleError extends Error {
  constructor() {
    super('no console is attached');
    this.name = 'NoConsoleError';
  }
}

export type WriteLine = (line: string) => Promise<void>;

export class ConsoleInput {
  readonly #writers = new Map<string, WriteLine>();

  /** The newest registration of a server counts. The returned function takes back this one alone. */
  register(serverUuid: string, write: WriteLine): () => void {
    this.#writers.set(serverUuid, write);
    return () => {
      if (this.#writers.get(serverUuid) === write) this.#writers.delete(serverUuid);
    };
  }

  has(serverUuid: string): boolean {
    return this.#writers.has(serverUuid);
  }

  /** Types one line; lines of one server keep their order. @throws NoConsoleError, DockerError */
  async send(serverUuid: string, line: string): Promise<void> {
    const write = this.#writers.get(serverUuid);
    if (!write) throw new NoConsoleError();
    await write(line);
  }
}
