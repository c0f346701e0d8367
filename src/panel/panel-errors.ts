// What a call to the Panel ends in when it does not succeed: the Panel said no, the Panel did not answer, or nobody can
// read what it said.

/** The Panel answered with a status that is no success. */
export class PanelResponseError extends Error {
  readonly status: number;
  /** Name of an exception class of the Panel, such as `HttpForbiddenException`. */
  readonly code: string;
  readonly detail: string;
  /** What a 422 complains about, such as `data.3.ip`. */
  readonly fields: readonly string[];
  /** When to ask again, ms, where the Panel said so. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, { code, detail, fields }: PanelComplaint, retryAfterMs?: number) {
    super(`Error response from Panel: ${code}: ${detail} (HTTP/${status})`);
    this.name = 'PanelResponseError';
    this.status = status;
    this.code = code;
    this.detail = detail;
    this.fields = fields;
    this.retryAfterMs = retryAfterMs;
  }
}

/** No answer: the network, TLS, or the time was over. What was asked may have been done all the same. */
export class PanelUnreachableError extends Error {
  readonly timedOut: boolean;
  constructor(message: string, { timedOut = false, cause }: { timedOut?: boolean; cause?: unknown } = {}) {
    super(message, { cause });
    this.name = 'PanelUnreachableError';
    this.timedOut = timedOut;
  }
}

/** A success whose content is not what the call answers: not JSON, too large, or of another shape. */
export class PanelUnreadableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PanelUnreadableError';
  }
}

/**
 * Answers of a proxy in front of a Panel that is away, and of one in maintenance. The Panel itself says 401 to who shows
 * no token at all; as each call shows one, something in between wants another login or keeps ours for itself.
 */
const awayStatuses = [401, 502, 503, 504];

/** Nobody is there who could say yes or no. */
export function isAway(error: unknown): boolean {
  if (error instanceof PanelUnreachableError) return true;
  return error instanceof PanelResponseError && awayStatuses.includes(error.status);
}

export function isPanelError(error: unknown): boolean {
  return [PanelResponseError, PanelUnreachableError, PanelUnreadableError].some((kind) => error instanceof kind);
}

/** The Panel understood, and does not confirm the server. */
export function isRefusal({ status }: PanelResponseError): boolean {
  return status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status);
}

export interface PanelComplaint {
  code: string;
  detail: string;
  fields: string[];
}
