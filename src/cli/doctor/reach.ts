// Whether the Panel and browsers can reach this node: by an address that others see, by a name that leads here, through a
// port that is open, with a certificate for that name.
import { X509Certificate } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { connect, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Config } from '../../config/config.ts';
import { isPair } from '../../http/kube/pki/checks.ts';
import { type Check, type Examined, type Finding, messageOf, ok, problem, warning } from './finding.ts';

const timeoutMs = 5_000;
const dayMs = 86_400_000;
/** Those of Let's Encrypt are renewed 30 days before their end. */
const lateMs = 14 * dayMs;

export const checkReach: Check = async (examined) => {
  const { config, offline = false } = examined;
  const served = config.api.ssl.enabled ? await certificateOf(config) : { findings: [] };
  const fqdn = examined.fqdn ?? nameIn(served.certificate);
  const found = [
    ...listenerFindings(config),
    ...served.findings,
    ...(served.certificate && fqdn ? nameFindings(served.certificate, fqdn) : []),
    ...(fqdn && !offline ? await wayFindings(fqdn, examined) : []),
  ];
  if (found.length > 0) return found;
  if (fqdn === undefined)
    return [ok('Nothing keeps others from this node; --fqdn NAME looks at the name they use too')];
  return [ok(offline ? `The certificate is for ${fqdn}` : `${fqdn} leads to this node`)];
};

function listenerFindings({ api, remote, path }: Config): Finding[] {
  const isLocal = api.host === 'localhost' || api.host === '::1' || api.host.startsWith('127.');
  if (!isLocal || remote === '') return [];
  const { hostname } = new URL(remote);
  if (['localhost', '127.0.0.1', '[::1]'].includes(hostname)) return [];
  const says = `The API of the node listens on ${api.host}, which only this machine can reach, and the Panel is elsewhere`;
  return [warning(says, `Let a proxy on this machine pass requests on, or set api.host in ${path} to 0.0.0.0.`)];
}

interface Served {
  certificate?: X509Certificate;
  findings: Finding[];
}

async function certificateOf({ api: { ssl }, path }: Config): Promise<Served> {
  const missing = [!ssl.cert && 'api.ssl.cert', !ssl.key && 'api.ssl.key'].filter((key) => key !== false);
  if (missing.length > 0)
    return {
      findings: [
        problem(
          `https is on, and ${missing.join(' and ')} in ${path} is empty`,
          'Name the files of the certificate, or set api.ssl.enabled to false behind a proxy.',
        ),
      ],
    };
  try {
    const [certificate, key] = [await readFile(ssl.cert, 'utf8'), await readFile(ssl.key, 'utf8')];
    return certificateFindings(certificate, key, ssl, Date.now());
  } catch (error) {
    return {
      findings: [
        problem(
          `The certificate of the node cannot be read (${(error as Error).message})`,
          `Correct api.ssl in ${path}, or get a certificate (certbot certonly).`,
        ),
      ],
    };
  }
}

export function certificateFindings(pem: string, key: string, ssl: { cert: string; key: string }, now: number): Served {
  const renew = 'Renew it (certbot renew); the node takes a new one up by itself.';
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(pem);
  } catch (error) {
    return { findings: [problem(`${ssl.cert} holds no certificate (${messageOf(error)})`, 'Name a PEM file.')] };
  }
  const { validFromDate, validToDate } = certificate;
  const day = (date: Date) => date.toISOString().slice(0, 10);
  const findings: Finding[] = [];
  if (!isPairOrFalse(pem, key))
    findings.push(
      problem(`The key ${ssl.key} does not go with the certificate ${ssl.cert}`, 'Name two files of one certificate.'),
    );
  if (validToDate.getTime() < now)
    findings.push(
      problem(
        `The certificate of the node has expired on ${day(validToDate)}, so browsers and the Panel turn away`,
        renew,
      ),
    );
  else if (validFromDate.getTime() > now)
    findings.push(
      problem(
        `The certificate of the node is valid from ${day(validFromDate)} on`,
        'Set the clock of this machine (timedatectl set-ntp true).',
      ),
    );
  else if (validToDate.getTime() - now < lateMs)
    findings.push(warning(`The certificate of the node expires on ${day(validToDate)}`, renew));
  if (certificate.issuer === certificate.subject)
    findings.push(
      problem(
        'The certificate of the node vouches for itself, so browsers open no console',
        "Get one of an authority, such as Let's Encrypt (certbot certonly).",
      ),
    );
  return { certificate, findings };
}

function isPairOrFalse(certificate: string, key: string): boolean {
  try {
    return isPair({ certificate, key });
  } catch {
    return false; // no key at all
  }
}

/** The first whole name in it. */
function nameIn(certificate: X509Certificate | undefined): string | undefined {
  const names = certificate?.subjectAltName?.split(', ') ?? [];
  return names.map((name) => /^DNS:([^*]+)$/.exec(name)?.[1]).find((name) => name !== undefined);
}

export function nameFindings(certificate: X509Certificate, fqdn: string): Finding[] {
  const covered = isIP(fqdn) ? certificate.checkIP(fqdn) : certificate.checkHost(fqdn);
  if (covered !== undefined) return [];
  const names = certificate.subjectAltName ?? certificate.subject;
  return [
    problem(
      `The certificate of the node is for ${names} and not for ${fqdn}`,
      `Get one for ${fqdn}, or write the name of the certificate as FQDN of the node in the Panel.`,
    ),
  ];
}

async function wayFindings(fqdn: string, { config, daemon }: Examined): Promise<Finding[]> {
  let addresses: string[];
  try {
    addresses = (await lookup(fqdn, { all: true })).map(({ address }) => address);
  } catch (error) {
    return [
      problem(
        `The name ${fqdn} leads nowhere (${messageOf(error)})`,
        'Give it an address record that leads to this machine, or correct the FQDN of the node in the Panel.',
      ),
    ];
  }
  const own = new Set(Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []));
  const leadsHere = addresses.some((address) => own.has(address));
  const away = leadsHere
    ? []
    : [
        warning(
          `${fqdn} leads to ${addresses.join(', ')}, which is no address of this machine`,
          'That is right behind a router or proxy which passes requests on; else correct the address record.',
        ),
      ];
  if (daemon === undefined || config.api.port === 0) return away;
  return [...away, ...(await portFindings(fqdn, config, leadsHere))];
}

async function portFindings(fqdn: string, { api, path }: Config, leadsHere: boolean): Promise<Finding[]> {
  const failure = await tryToConnect(fqdn, api.port);
  if (failure === undefined) return [];
  const says = `Port ${api.port} of ${fqdn}, where the Panel and browsers ask, cannot be reached (${failure})`;
  if (leadsHere)
    return [problem(says, `Open it in the firewall of this machine; see api.host and api.port in ${path}.`)];
  return [
    warning(
      says,
      'Behind a proxy the Panel uses the port of the proxy; else open this one on the way here. Some routers hide it from this machine alone.',
    ),
  ];
}

/** The code of the error; undefined when it works. */
function tryToConnect(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: timeoutMs });
    const settle = (failure: string | undefined) => {
      resolve(failure);
      socket.destroy();
    };
    socket.once('connect', () => settle(undefined));
    socket.once('timeout', () => settle('no answer'));
    socket.once('error', (error) => settle(messageOf(error)));
  });
}
