// Whether the Panel answers this node and knows it: the request that the daemon itself begins with. What it answers with
// says whether address, certificate, clock and token are right.
import type { Config } from '../../config/config.ts';
import { safeText } from '../safe-text.ts';
import { durationText } from '../units.ts';
import { type WebAnswer, webRequest } from '../web-request.ts';
import { type Check, type Finding, ok, problem } from './finding.ts';

const timeoutMs = 10_000;
/** Tokens for consoles are good for minutes, and their first second counts. */
const clockToleranceMs = 20_000;
const mostRedirects = 5;

export const checkPanel: Check = async ({ config, offline = false }) => {
  const { remote, path } = config;
  if (remote === '') return [ok('The node has no Panel (remote is empty)')];
  if (offline) return [ok('The Panel was not asked (--offline)')];
  const insecure = config.ignoreCertificateErrors;
  let answer: WebAnswer;
  const asked = Date.now();
  try {
    answer = await webRequest(`${remote.replace(/\/+$/, '')}/api/remote/servers?page=0&per_page=1`, {
      headers: { authorization: `Bearer ${config.token.id}.${config.token.secret}`, accept: acceptOf(config) },
      insecure,
      timeoutMs,
    });
  } catch (error) {
    return [unreachable(remote, path, error as NodeJS.ErrnoException)];
  }
  return [answerFinding(answer, config), ...clockFindings(answer, asked), ...(await originFindings(config))];
};

function acceptOf({ flavour }: Config): string {
  return flavour === 'pterodactyl' ? 'application/vnd.pterodactyl.v1+json' : 'application/json';
}

export function unreachable(remote: string, path: string, error: NodeJS.ErrnoException): Finding {
  const { host, protocol } = new URL(remote);
  const says = (why: string) => `The Panel at ${host} ${why}`;
  const { code = '', message } = error;
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return problem(
        says('cannot be found: its name leads nowhere'),
        `Correct remote in ${path}, or the name servers of this machine.`,
      );
    case 'ECONNREFUSED':
      return problem(says('refuses connections'), `Start its web server, or correct the port in remote of ${path}.`);
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return problem(says('does not answer'), 'Look for a firewall between this machine and the Panel.');
    case 'CERT_HAS_EXPIRED':
      return problem(
        says('has a certificate that has expired'),
        'Renew it there; when it is new already, set the clock of this machine.',
      );
    case 'CERT_NOT_YET_VALID':
      return problem(
        says('has a certificate that is not valid yet'),
        'Set the clock of this machine (timedatectl set-ntp true).',
      );
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return problem(
        says('has a certificate for another name'),
        `Write the name of the certificate into remote of ${path}, or get one for ${host}.`,
      );
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return problem(
        says(`does not speak ${protocol.replace(':', '')}`),
        `Write http: or another port into remote of ${path}.`,
      );
  }
  if (/SELF_SIGNED|UNABLE_TO|ISSUER/.test(code))
    return problem(
      says(`has a certificate that this machine does not trust (${code})`),
      'Serve the whole chain there, or add its authority to those of this machine.',
    );
  return problem(says(`cannot be asked (${code || message})`), `See remote in ${path}.`);
}

export function answerFinding({ status, headers, text }: WebAnswer, { remote, path }: Config): Finding {
  const { host } = new URL(remote);
  const renew = `Fetch the configuration anew: aileron configure --override, then restart the daemon.`;
  if (status === 200 && isList(text)) return ok(`The Panel at ${host} answers, and knows this node`);
  switch (status) {
    case 400:
      return problem(
        `The Panel at ${host} finds the credentials of this node incomplete`,
        `Look at token_id and token in ${path}. ${renew}`,
      );
    case 401:
      return problem(
        `The Panel at ${host} was given no credentials`,
        'A proxy before it may drop the Authorization header; let it pass that on.',
      );
    case 403:
      return problem(
        `The Panel at ${host} does not take the token in ${path}`,
        `${renew} A firewall before the Panel may answer so too.`,
      );
    case 404:
      return problem(
        `The Panel at ${host} does not know this node: it was deleted there, or has another token_id`,
        `${renew} When remote in ${path} leads to no Panel at all, correct it.`,
      );
    case 429:
      return problem(
        `The Panel at ${host} is asked too often`,
        'Wait a minute; a proxy before it may count this node among others.',
      );
    case 503:
      return problem(`The Panel at ${host} is down for maintenance`, 'Run php artisan up there when the work is done.');
  }
  if (status >= 300 && status < 400) {
    const target = safeText(String(headers['location'] ?? 'elsewhere')).slice(0, 200);
    return problem(
      `The Panel at ${host} sends everybody to ${target}`,
      `Write where it really is into remote of ${path}.`,
    );
  }
  if (status >= 500)
    return problem(`The Panel at ${host} answers with ${status}`, 'Its own log says why (storage/logs).');
  return problem(`What answers at ${host} is no Panel (${status})`, `Correct remote in ${path}.`);
}

function isList(text: string): boolean {
  try {
    return Array.isArray((JSON.parse(text) as { data?: unknown }).data);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return false;
    throw error;
  }
}

/** Its answer says what time it is there, to the second. */
export function clockFindings({ headers }: WebAnswer, asked: number, now: number = Date.now()): Finding[] {
  const there = Date.parse(String(headers['date'] ?? ''));
  if (Number.isNaN(there)) return [];
  const behind = there - now;
  const ahead = asked - (there + 1_000);
  if (behind <= clockToleranceMs && ahead <= clockToleranceMs) return [];
  const [off, way] = behind > 0 ? [behind, 'behind'] : [ahead, 'ahead of'];
  return [
    problem(
      `The clock of this machine is ${durationText(off)} ${way} the Panel's, so its tokens for consoles and downloads are refused`,
      'Set the clock here and there (timedatectl set-ntp true).',
    ),
  ];
}

/** Browsers state where the page came from; that has to be what the node expects. */
async function originFindings({ remote, path, allowedOrigins, ignoreCertificateErrors }: Config): Promise<Finding[]> {
  let at = new URL(remote);
  for (let turn = 0; turn < mostRedirects; turn += 1) {
    let answer: WebAnswer;
    try {
      answer = await webRequest(at.href, { insecure: ignoreCertificateErrors, timeoutMs });
    } catch {
      return []; // what the request before it said is more telling
    }
    const { location } = answer.headers;
    if (answer.status < 300 || answer.status >= 400 || typeof location !== 'string' || !URL.canParse(location, at.href))
      break;
    at = new URL(location, at.href);
  }
  const { origin } = at;
  if (origin === new URL(remote).origin || allowedOrigins.includes('*') || allowedOrigins.includes(origin)) return [];
  return [
    problem(
      `Browsers end up at ${origin}, and the node takes consoles from ${new URL(remote).origin} alone`,
      `Write ${origin} into remote of ${path}, or add it to allowed_origins.`,
    ),
  ];
}
