// What keeps a node from starting, in one sentence that names the thing and the remedy.
import { ConfigError } from './config/config-error.ts';
import { StoreLockedError, StoreUnavailableError } from './store/errors.ts';

/** Raised where the daemon starts; its message is for the person who started it. */
export class StartupError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartupError';
  }
}

interface Address {
  host: string;
  port: number;
}

/** Listens, or says which setting to change. `section` is that of aileron.yml, `door` what people call it. */
export async function listenOrExplain<T>(
  door: string,
  section: string,
  at: Address,
  listen: (at: Address) => Promise<T>,
): Promise<T> {
  try {
    return await listen(at);
  } catch (error) {
    throw new StartupError(explainAddress(door, section, at, error), { cause: error });
  }
}

function explainAddress(door: string, section: string, { host, port }: Address, error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host}, where the ${door} should listen, is in use: end the program that holds it or set ${section}.port in aileron.yml.`;
    case 'EADDRNOTAVAIL':
      return `The address ${host}, where the ${door} should listen, is not one of this machine: set ${section}.host in aileron.yml.`;
    case 'EACCES':
      return `Port ${port}, where the ${door} should listen, is not allowed to this user: set ${section}.port in aileron.yml to one above 1023.`;
    default:
      return `The ${door} cannot listen on ${host}:${port}: ${String(error instanceof Error ? error.message : error)}.`;
  }
}

/** `undefined`: not something a sentence could explain; the stack is of more use. */
export function startupSentence(error: unknown): string | undefined {
  const explained = [ConfigError, StartupError, StoreLockedError, StoreUnavailableError];
  return explained.some((type) => error instanceof type) ? (error as Error).message : undefined;
}
