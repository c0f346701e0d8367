// Whom the command line believes when the API of its own node speaks TLS. It comes by the loopback address, for which no
// authority gives certificates; so what counts is the certificate that config.yml names on this machine, whoever signed
// it, and, while the daemon still shows the one before a renewal, one that an authority gave for the same name.
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, getCACertificates } from 'node:tls';
import type { Config } from '../config/config.ts';
import { CliError } from './exit-codes.ts';

/** Nothing to believe without TLS. Read anew for each connection: certificates are renewed. @throws CliError */
export async function apiTrust({ api: { ssl }, path }: Pick<Config, 'api' | 'path'>): Promise<ConnectionOptions> {
  if (!ssl.enabled) return {};
  const { pem, own } = await certificateOf(ssl.cert, path);
  const name = nameIn(own);
  return {
    ca: [...getCACertificates('default'), pem],
    // The file may end before the authority, or hold a certificate that vouches for itself.
    allowPartialTrustChain: true,
    servername: isIP(name) ? '' : name,
    checkServerIdentity: (_address, shown) =>
      shown.raw.equals(own.raw) ? undefined : checkServerIdentity(name, shown),
  };
}

async function certificateOf(file: string, path: string): Promise<{ pem: string; own: X509Certificate }> {
  try {
    const pem = await readFile(file, 'utf8');
    return { pem, own: new X509Certificate(pem) };
  } catch (error) {
    throw new CliError(
      `The certificate of the node, api.ssl.cert in ${path}, cannot be read (${(error as Error).message}); run this as the user of the daemon, or correct it.`,
      { cause: error },
    );
  }
}

/** One that the certificate is for; empty = it has none. */
function nameIn({ subjectAltName = '', subject }: X509Certificate): string {
  const [, name] = /(?:DNS|IP Address):([^,\s]+)/.exec(subjectAltName) ?? /(?:^|\n)CN=(.+)/.exec(subject) ?? [];
  return (name ?? '').replace(/^\*/, 'node');
}
