// Certificates of nodes: of an authority of their own, or vouching for themselves as `openssl req -x509` makes them.
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import type { CertificatePair } from '../../src/http/kube/pki/checks.ts';
import { makeAuthority, makeServingPair } from '../../src/http/kube/pki/make.ts';

const hourMs = 3_600_000;

function hours(from: number, to: number): { from: Date; to: Date } {
  return { from: new Date(Date.now() + from * hourMs), to: new Date(Date.now() + to * hourMs) };
}

export interface Issuer {
  /** PEM. */
  authority: string;
  pairFor(name: string): Promise<CertificatePair>;
}

/** An authority that nobody knows. */
export async function anIssuer(): Promise<Issuer> {
  const validity = hours(-1, 1);
  const authority = await makeAuthority('test', validity);
  return { authority: authority.certificate, pairFor: (name) => makeServingPair(authority, [name], validity) };
}

/** `until`: hours from now. */
export async function selfSigned(name: string, { until = 1 } = {}): Promise<CertificatePair> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const { from, to } = hours(-2, until);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    ...{ notBefore: from, notAfter: to, signingAlgorithm: algorithm, keys },
    extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
  return { certificate: `${certificate.toString('pem')}\n`, key };
}

/** As `api.ssl` names them. */
export function writePair(directory: string, { certificate, key }: CertificatePair): { cert: string; key: string } {
  const files = { cert: join(directory, 'fullchain.pem'), key: join(directory, 'privkey.pem') };
  writeFileSync(files.cert, certificate);
  writeFileSync(files.key, key, { mode: 0o600 });
  return files;
}
