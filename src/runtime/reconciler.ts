// What a controller writes and what the loop does with its answer.
import type { Logger } from '../telemetry/log.ts';

export interface ReconcileContext {
  /** Aborted when the daemon stops, or when a newer wish makes this run pointless (a kill, a deletion). */
  signal: AbortSignal;
  /** Carries the controller, the key and the id of this run, which is also on its span. */
  log: Logger;
  reconcileId: string;
}

/**
 * How a run ends, unless it throws:
 * - `undefined`: done until something changes.
 * - `requeueAfter`: look again after so many ms.
 * A throw is a retry with back-off; a TerminalError is not retried until the object changes.
 */
export type Outcome = { requeueAfter: number } | undefined;

/**
 * Brings the object behind `key` one step nearer to what its spec asks. Reads the newest state itself, never depends
 * on which event woke it, and does no harm when it runs twice. `key` is the object's name.
 */
export type Reconcile = (key: string, context: ReconcileContext) => Promise<Outcome>;

/** Only a change of the object can help. The reconciler has already said so in a condition. */
export class TerminalError extends Error {
  readonly reason: string;
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TerminalError';
    this.reason = reason;
  }
}

export function after(ms: number): Outcome {
  return { requeueAfter: ms };
}
