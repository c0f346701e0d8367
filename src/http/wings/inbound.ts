// One message from a client: `{"event":…,"args":[…]}`. What is not of that shape is no message and changes nothing.

export interface Inbound {
  event: string;
  /** The elements joined; a null is nothing, as both Panels send it. */
  text: string;
}

/** Undefined: to be ignored. */
export function readInbound(payload: string): Inbound | undefined {
  let message: unknown;
  try {
    message = JSON.parse(payload);
  } catch {
    // Not JSON: the contract says to ignore it.
    return undefined;
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) return undefined;
  const { event, args = [] } = message as { event?: unknown; args?: unknown };
  if (typeof event !== 'string') return undefined;
  const elements = args ?? [];
  if (!Array.isArray(elements) || !elements.every((item) => item === null || typeof item === 'string'))
    return undefined;
  return { event, text: elements.map((item: string | null) => item ?? '').join('') };
}
