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

/** Where each door's settings are, and who else is likely to be there already. */
const doors = {
  kube: { name: 'kube API', file: 'aileron.yml', rival: 'end the program that holds it' },
  ops: { name: 'health endpoint', file: 'aileron.yml', rival: 'end the program that holds it' },
  // Two daemons on one node would both read every console, both type into it and both restart what ends.
  api: { name: 'node API', file: 'config.yml', rival: 'stop the daemon that serves this node there, such as Wings,' },
} as const;

/** Listens, or says which setting to change. `section` is that of the settings. @throws StartupError */
export async function listenOrExplain<T>(
  section: keyof typeof doors,
  at: Address,
  listen: (at: Address) => Promise<T>,
): Promise<T> {
  try {
    return await listen(at);
  } catch (error) {
    throw new StartupError(explainAddress(section, at, error), { cause: error });
  }
}

function explainAddress(section: keyof typeof doors, { host, port }: Address, error: unknown): string {
  const { name, file, rival } = doors[section];
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host}, where the ${name} should listen, is in use: ${rival} or set ${section}.port in ${file}.`;
    case 'EADDRNOTAVAIL':
      return `The address ${host}, where the ${name} should listen, is not one of this machine: set ${section}.host in ${file}.`;
    case 'EACCES':
      return `Port ${port}, where the ${name} should listen, is not allowed to this user: set ${section}.port in ${file} to one above 1023.`;
    default:
      return `The ${name} cannot listen on ${host}:${port}: ${String(error instanceof Error ? error.message : error)}.`;
  }
}

/** `undefined`: not something a sentence could explain; the stack is of more use. */
export function startupSentence(error: unknown): string | undefined {
  const explained = [ConfigError, StartupError, StoreLockedError, StoreUnavailableError];
  return explained.some((type) => error instanceof type) ? (error as Error).message : undefined;
}
