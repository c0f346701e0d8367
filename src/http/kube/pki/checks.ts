// What makes a stored key and certificate usable. Damaged input is "not usable", never an exception.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';

/** PEM texts. */
export interface CertificatePair {
  certificate: string;
  key: string;
}

/** Both parse, and the key is the certificate's. */
export function isPair(pair: CertificatePair): boolean {
  return attempt(() => new X509Certificate(pair.certificate).checkPrivateKey(createPrivateKey(pair.key)));
}

/** It may sign, and signed itself. */
export function isAuthority(certificate: string): boolean {
  return attempt(() => {
    const parsed = new X509Certificate(certificate);
    return parsed.ca && parsed.verify(parsed.publicKey);
  });
}

export function isIssuedBy(certificate: string, authority: string): boolean {
  return attempt(() => {
    const issuer = new X509Certificate(authority);
    const parsed = new X509Certificate(certificate);
    return parsed.checkIssued(issuer) && parsed.verify(issuer.publicKey);
  });
}

/** Still valid at `atMs` (ms since the epoch). */
export function outlives(pair: CertificatePair, atMs: number): boolean {
  return attempt(() => new X509Certificate(pair.certificate).validToDate.getTime() > atMs);
}

/** Each host is among the certificate's alternative names. */
export function coversHosts(certificate: string, hosts: readonly string[]): boolean {
  return attempt(() => {
    const parsed = new X509Certificate(certificate);
    return hosts.every((host) => (isIP(host) ? parsed.checkIP(host) : parsed.checkHost(host)) !== undefined);
  });
}

function attempt(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    // The text is not PEM, or of a kind OpenSSL does not know: the caller makes a new one.
    return false;
  }
}
