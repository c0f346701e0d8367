// The kube API's keys: an authority of our own, a serving pair, an administrator's pair and a bearer token, all
// below one directory. Whatever is missing, damaged, foreign or about to expire is made anew; the rest stays.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../../clock/clock.ts';
import type { Logger } from '../../../telemetry/log.ts';
import { type CertificatePair, coversHosts, isAuthority, isIssuedBy, isPair, outlives } from './checks.ts';
import { makePrivateDirectory, readPrivateFile, writeDurably } from './private-files.ts';

/** PEM texts, and the token as it goes into an `Authorization` header. */
export interface Pki {
  caCertificate: string;
  serving: CertificatePair;
  admin: CertificatePair;
  token: string;
}

export interface PkiOptions {
  /** `<stateDir>/pki`. Made with mode 0700, its files with 0600. */
  directory: string;
  /** The address the API listens on; clients may also come by localhost, 127.0.0.1, ::1 and the host name. */
  host: string;
  clock: Clock;
  log: Logger;
}

const dayMs = 86_400_000;
/** Anything that expires within this is made anew, so a daemon started once a month never serves an expired pair. */
const renewBeforeMs = 30 * dayMs;
const authorityLifeMs = 3650 * dayMs;
const certificateLifeMs = 365 * dayMs;
/** 32 random bytes in base64url. */
const tokenPattern = /^[A-Za-z0-9_-]{43}$/;

export const adminUser = 'aileron-admin';
export const adminGroup = 'system:masters';

interface Authority extends CertificatePair {
  fresh: boolean;
}

/**
 * Reads the set and repairs what cannot be used, so a start after a crash half-way through writing needs no hand.
 * A new authority also means new pairs: kubeconfigs made before stop working.
 * @throws Error when the directory cannot be read or written
 */
export async function ensurePki(options: PkiOptions): Promise<Pki> {
  await makePrivateDirectory(options.directory);
  const authority = await ensureAuthority(options);
  const serving = await ensureCertificate(options, authority, 'server', (pair) =>
    coversHosts(pair.certificate, servingHosts(options.host)),
  );
  const admin = await ensureCertificate(options, authority, 'admin', () => true);
  const token = await ensureToken(options);
  return { caCertificate: authority.certificate, serving, admin, token };
}

/** The set as it lies on disk, or undefined when no daemon has made it yet. Writes nothing. */
export async function readPki(directory: string): Promise<Pki | undefined> {
  const caCertificate = await readIfThere(join(directory, 'ca.crt'));
  const serving = await readPair(directory, 'server', readIfThere);
  const admin = await readPair(directory, 'admin', readIfThere);
  const token = (await readIfThere(join(directory, 'token')))?.trim();
  if (!caCertificate || !serving || !admin || !token) return undefined;
  return { caCertificate, serving, admin, token };
}

/** Every name and address a client may reach the API by. A wildcard address is no name. */
export function servingHosts(host: string): string[] {
  const wildcards = ['', '0.0.0.0', '::'];
  const hosts = ['localhost', hostname().toLowerCase(), '127.0.0.1', '::1'];
  if (!wildcards.includes(host)) hosts.push(isIP(host) ? host : host.toLowerCase());
  return [...new Set(hosts)];
}

async function ensureAuthority(options: PkiOptions): Promise<Authority> {
  const { directory, clock, log } = options;
  const present = await readPair(directory, 'ca', readPrivateFile);
  if (
    present &&
    isPair(present) &&
    isAuthority(present.certificate) &&
    outlives(present, clock.now() + renewBeforeMs)
  ) {
    return { ...present, fresh: false };
  }
  const { makeAuthority } = await import('./make.ts');
  const made = await makeAuthority('aileron-ca', validity(clock, authorityLifeMs));
  await writePair(directory, 'ca', made);
  log.info({ directory, replaced: present !== undefined }, 'made a certificate authority for the kube API');
  return { ...made, fresh: true };
}

async function ensureCertificate(
  options: PkiOptions,
  authority: Authority,
  name: 'server' | 'admin',
  fits: (pair: CertificatePair) => boolean,
): Promise<CertificatePair> {
  const { directory, host, clock, log } = options;
  const present = await readPair(directory, name, readPrivateFile);
  const usable =
    present !== undefined &&
    !authority.fresh &&
    isPair(present) &&
    isIssuedBy(present.certificate, authority.certificate) &&
    outlives(present, clock.now() + renewBeforeMs) &&
    fits(present);
  if (usable) return present;
  const { makeServingPair, makeClientPair } = await import('./make.ts');
  const life = validity(clock, certificateLifeMs);
  const made =
    name === 'server'
      ? await makeServingPair(authority, servingHosts(host), life)
      : await makeClientPair(authority, { user: adminUser, group: adminGroup }, life);
  await writePair(directory, name, made);
  log.info({ directory, certificate: name, replaced: present !== undefined }, 'made a certificate for the kube API');
  return made;
}

async function ensureToken({ directory, log }: PkiOptions): Promise<string> {
  const path = join(directory, 'token');
  const present = (await readPrivateFile(path))?.trim();
  if (present && tokenPattern.test(present)) return present;
  const token = randomBytes(32).toString('base64url');
  await writeDurably(path, `${token}\n`);
  log.info({ directory, replaced: present !== undefined }, 'made a bearer token for the kube API');
  return token;
}

function validity(clock: Clock, lifeMs: number): { from: Date; to: Date } {
  // From long ago: made by a clock that was ahead, it must not be "not yet valid" once the clock is right.
  return { from: new Date(0), to: new Date(clock.now() + lifeMs) };
}

async function readPair(
  directory: string,
  name: string,
  read: (path: string) => Promise<string | undefined>,
): Promise<CertificatePair | undefined> {
  const certificate = await read(join(directory, `${name}.crt`));
  const key = await read(join(directory, `${name}.key`));
  return certificate && key ? { certificate, key } : undefined;
}

/** Key first: a crash in between leaves a pair that does not match, and the next start makes both anew. */
async function writePair(directory: string, name: string, pair: CertificatePair): Promise<void> {
  await writeDurably(join(directory, `${name}.key`), pair.key);
  await writeDurably(join(directory, `${name}.crt`), pair.certificate);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
