// Where Docker listens, read from the variables that every Docker client knows. Nothing is connected here.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The part of a request's options that says where it goes. */
export type Target =
  | { protocol: 'http:'; socketPath: string }
  | { protocol: 'http:'; hostname: string; port: number }
  | {
      protocol: 'https:';
      hostname: string;
      port: number;
      ca?: Buffer;
      cert?: Buffer;
      key?: Buffer;
      rejectUnauthorized: boolean;
    };

export interface Endpoint {
  target: Target;
  /** As a person would write it, for messages. */
  label: string;
  /** Set when DOCKER_API_VERSION pins it; else it is negotiated. */
  apiVersion?: string;
}

const defaultHost = 'unix:///var/run/docker.sock';
const plainPort = 2375;
const tlsPort = 2376;

/**
 * Reads DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH and DOCKER_API_VERSION. As with Docker's own client,
 * DOCKER_CERT_PATH without DOCKER_TLS_VERIFY is TLS that does not check the engine's certificate.
 * @throws Error with the variable's name when a value cannot be used
 */
export function endpointFrom(env: Record<string, string | undefined>): Endpoint {
  const label = env['DOCKER_HOST'] || defaultHost;
  const target = targetOf(label, env);
  const version = env['DOCKER_API_VERSION']?.replace(/^v/, '');
  if (!version) return { target, label };
  if (!/^\d+\.\d+$/.test(version))
    throw new Error(`DOCKER_API_VERSION is "${version}": expected a version such as 1.41`);
  return { target, label, apiVersion: version };
}

function targetOf(host: string, env: Record<string, string | undefined>): Target {
  if (host.startsWith('unix://')) {
    const socketPath = host.slice('unix://'.length);
    return { protocol: 'http:', socketPath: socketPath || defaultHost.slice('unix://'.length) };
  }
  const url = URL.canParse(host) ? new URL(host) : undefined;
  if (!url?.hostname || !['tcp:', 'http:', 'https:'].includes(url.protocol)) {
    throw new Error(`DOCKER_HOST is "${host}": expected unix:///path or tcp://host:port`);
  }
  // URL keeps the brackets of an IPv6 address, a socket does not take them.
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const verify = Boolean(env['DOCKER_TLS_VERIFY']);
  const certificates = env['DOCKER_CERT_PATH'] || (verify && env['HOME'] ? join(env['HOME'], '.docker') : undefined);
  if (url.protocol !== 'https:' && !verify && !certificates) {
    return { protocol: 'http:', hostname, port: Number(url.port) || plainPort };
  }
  return {
    protocol: 'https:',
    hostname,
    port: Number(url.port) || tlsPort,
    ...(certificates ? readCertificates(certificates) : {}),
    rejectUnauthorized: verify || !certificates,
  };
}

function readCertificates(directory: string): { ca: Buffer; cert: Buffer; key: Buffer } {
  try {
    return {
      ca: readFileSync(join(directory, 'ca.pem')),
      cert: readFileSync(join(directory, 'cert.pem')),
      key: readFileSync(join(directory, 'key.pem')),
    };
  } catch (error) {
    throw new Error(
      `DOCKER_CERT_PATH ${directory} must hold ca.pem, cert.pem and key.pem: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}
