// What the rest of the daemon asks of the Panel about one server: that the object is as the Panel wants it now.

export interface PanelSync {
  /**
   * Fetches the configuration of one server and writes the object, also a new one. `stale`: the Panel does not answer, and
   * what the store has is the last that it said. Nothing is ever deleted here. Rejects early by `signal` alone, with its
   * reason.
   * @throws PanelRefusedError when the Panel does not confirm the server, or what it said cannot be taken; StaleUnknownError
   *   when it does not answer and the store knows no such server
   */
  refresh(uuid: string, signal: AbortSignal, options?: RefreshOptions): Promise<'fresh' | 'stale'>;
}

export interface RefreshOptions {
  /** The Panel has just asked for the server, which may be one that was deleted a moment ago. */
  created?: boolean;
  /**
   * What a Panel is worth that is known to be away: `ask` it as any other (up to 30 s; the default), `hurry` because a
   * person waits (some seconds), or `skip` it.
   */
  whileAway?: 'ask' | 'hurry' | 'skip';
}

/** The Panel cannot confirm this server, or describes one that cannot be: a start has to be refused. */
export class PanelRefusedError extends Error {
  /** Of the Panel's answer; undefined when its content was the reason. */
  readonly status: number | undefined;
  constructor(message: string, { status, cause }: { status?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = 'PanelRefusedError';
    this.status = status;
  }
}

/** The Panel does not answer, and there is nothing to go by. */
export class StaleUnknownError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StaleUnknownError';
  }
}
