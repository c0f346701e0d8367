// Two daemons on one node would both read every console, both type into it and both restart what ends. Whoever holds
// the port of the node's API is the other one: a Wings that was not stopped, most of all.
import { createServer } from 'node:net';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';

/** @throws ConfigError when the API port is taken */
export async function refuseSecondDaemon({ api, path }: Pick<Config, 'api' | 'path'>): Promise<void> {
  if (api.port === 0 || (await isFree(api))) return;
  throw new ConfigError(
    `Port ${api.port} of ${api.host} (api.port in ${path}) is in use: stop the daemon that serves this node there, such as Wings, or change api.port.`,
  );
}

function isFree({ host, port }: Config['api']): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else
        reject(
          new ConfigError(`The address ${host}:${port} of api in the configuration cannot be used: ${error.message}.`, {
            cause: error,
          }),
        );
    });
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
