// The certificate of the listener, read from the files of `api.ssl` and read again when they change: whoever renews one
// needs to restart nothing. What cannot be used is not taken; the one in use stays.
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Clock } from '../../clock/clock.ts';
import type { Logger } from '../../telemetry/log.ts';

export interface CertificateFiles {
  /** PEM: the chain, and its key. */
  cert: string;
  key: string;
}

/** How often the files are looked at, ms. */
const lookEveryMs = 60_000;

const suites = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** @throws Error in a sentence when the files cannot be read or do not belong together */
export async function loadCertificate({ cert, key }: CertificateFiles): Promise<SecureContextOptions> {
  const [chain, secret] = await Promise.all([readPem(cert, 'cert'), readPem(key, 'key')]);
  const context: SecureContextOptions = {
    cert: chain,
    key: secret,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: suites,
    ecdhCurve: 'X25519:P-256',
  };
  try {
    createSecureContext(context);
  } catch (error) {
    throw new Error(`the files of api.ssl cannot be used: ${(error as Error).message}`, { cause: error });
  }
  return context;
}

async function readPem(path: string, name: string): Promise<string> {
  if (path === '') throw new Error(`api.ssl.enabled is on, but api.ssl.${name} names no file`);
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new Error(`api.ssl.${name} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

export interface FollowOptions {
  files: CertificateFiles;
  /** For connections from then on. */
  use: (context: SecureContextOptions) => void;
  clock: Clock;
  log: Logger;
}

/** The answer ends it. */
export function followCertificate({ files, use, clock, log }: FollowOptions): () => void {
  let seen: string | undefined;
  let cancel = () => {};
  let ended = false;
  const look = async () => {
    const now = await stateOf(files);
    // Of the first look nothing is known to have changed.
    if (seen !== undefined && now !== seen) {
      try {
        use(await loadCertificate(files));
        log.info({ cert: files.cert }, 'the certificate of the node API was read anew');
      } catch (error) {
        log.error({ err: error }, 'the new certificate of the node API cannot be used; the one in use stays');
      }
    }
    seen = now;
    if (!ended) cancel = clock.after(lookEveryMs, again);
  };
  const again = () => void look();
  again();
  return () => {
    ended = true;
    cancel();
  };
}

/** Changes whenever one of the files, or what a link to it leads to, does. */
async function stateOf({ cert, key }: CertificateFiles): Promise<string> {
  const states = [cert, key].map(async (path) => {
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    return found ? `${found.dev} ${found.ino} ${found.size} ${found.mtimeNs}` : 'missing';
  });
  return (await Promise.all(states)).join(', ');
}
