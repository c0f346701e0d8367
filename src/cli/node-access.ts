// How a command reaches the node: over the keys in its state directory when it runs on the node itself, or with a
// kubeconfig from anywhere. Certificates are always checked, against the node's own authority and nothing else.
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { dirname, join } from 'node:path';
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { type Pki, readPki } from '../http/kube/pki/pki.ts';
import { CliError, exitCodes } from './exit-codes.ts';
import { type Io, say } from './io.ts';

/** `--config` and `--kubeconfig`, as every command that talks to a node takes them. */
export interface AccessOptions {
  config?: string;
  kubeconfig?: string;
}

export interface NodeAccess {
  /** `https://127.0.0.1:8443`. */
  origin: string;
  /** PEM; absent: the authorities of this machine. */
  ca?: string;
  token?: string;
  /** PEM. */
  clientCertificate?: { certificate: string; key: string };
}

/** @throws ConfigError, CliError */
export async function nodeAccess(io: Io, options: AccessOptions): Promise<NodeAccess> {
  if (options.kubeconfig !== undefined) {
    const { readKubeconfig } = await import('./kubeconfig-file.ts');
    return readKubeconfig(options.kubeconfig, await textOf(options.kubeconfig));
  }
  const config = await localConfig(io, options);
  const { caCertificate: ca, token } = await localPki(config);
  const { host, port } = config.aileron.kube;
  if (port === 0) {
    throw new CliError(
      'The kube API of this node takes any free port (kube.port is 0), so it cannot be found; set a port, or name a file with --kubeconfig.',
      { exitCode: exitCodes.unreachable },
    );
  }
  return { origin: `https://${addressOf({ host, port })}`, ca, token };
}

/** The settings of the node on this machine. @throws ConfigError */
export function localConfig(io: Io, { config }: AccessOptions): Promise<Config> {
  // An empty AILERON_CONFIG counts as not set.
  return loadConfig({ path: config || undefined, warn: (message) => say(io, message) });
}

/** @throws CliError when the daemon has not made its keys yet, or this user may not read them */
export async function localPki(config: Config): Promise<Pki> {
  const directory = pkiDirectory(config);
  const pki = await readPki(directory).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(
      `The keys of the node in ${directory} cannot be read (${error.code ?? error.message}); run this as the user of the daemon, or use --kubeconfig.`,
      { exitCode: exitCodes.refused, cause: error },
    );
  });
  if (pki) return pki;
  throw new CliError(`There are no keys in ${directory} yet: start the node once with this configuration.`, {
    exitCode: exitCodes.unreachable,
  });
}

export function stateDirectory(config: Config): string {
  return dirname(config.aileron.store.path);
}

export function pkiDirectory(config: Config): string {
  return join(stateDirectory(config), 'pki');
}

/** `host:port` to connect to: a wildcard is reached by the loopback address. */
export function addressOf({ host, port }: { host: string; port: number }): string {
  const name = host === '' || host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${isIPv6(name) ? `[${name}]` : name}:${port}`;
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new CliError(`The kubeconfig ${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`, {
      cause: error,
    });
  }
}
