// Whether every address that the node listens on can be had. While the daemon runs they are its own.
import { createServer } from 'node:net';
import { type Check, type Finding, ok, problem } from './finding.ts';
import { holderOf } from './listeners.ts';

export const checkPorts: Check = async ({ config, daemon }) => {
  const { kube, ops } = config.aileron;
  const doors = [
    { name: 'kube API', setting: 'kube.port in aileron.yml', ...kube },
    { name: 'health endpoint', setting: 'ops.port in aileron.yml', ...ops },
    { name: 'API of the node', setting: `api.port in ${config.path}`, ...config.api },
  ];
  const twice = doors.filter(({ port }, at) => port !== 0 && doors.findIndex((door) => door.port === port) !== at);
  const same = twice.map(({ name, port, setting }) =>
    problem(`Port ${port} is given to the ${name} and to another door of the node`, `Change ${setting}.`),
  );
  if (daemon !== undefined) return [...same, ok('The daemon runs and holds its ports')];
  const found = (await Promise.all(doors.filter(({ port }) => port !== 0).map(lookAt))).flat();
  return [
    ...same,
    ...(found.length > 0 ? found : [ok(`The ports ${doors.map(({ port }) => port).join(', ')} are free`)]),
  ];
};

interface Door {
  name: string;
  setting: string;
  host: string;
  port: number;
}

async function lookAt({ name, setting, host, port }: Door): Promise<Finding[]> {
  switch (await tryToListen(host, port)) {
    case undefined:
      return [];
    case 'EADDRINUSE': {
      const holder = (await holderOf(port)) ?? 'another program';
      return [
        problem(
          `Port ${port}, where the ${name} should listen, is held by ${holder}`,
          `Stop it (Wings itself, perhaps), or change ${setting}.`,
        ),
      ];
    }
    case 'EADDRNOTAVAIL':
      return [
        problem(
          `${host}, where the ${name} should listen, is no address of this machine`,
          `Change the host beside ${setting}.`,
        ),
      ];
    case 'EACCES':
      return [
        problem(
          `This user may not listen on port ${port}, where the ${name} should`,
          `Change ${setting} to one above 1023, or run the daemon as root.`,
        ),
      ];
    default:
      return [problem(`The ${name} cannot listen on ${host}:${port}`, `Change ${setting} and the host beside it.`)];
  }
}

/** The code of the error; undefined when it works. */
export function tryToListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
