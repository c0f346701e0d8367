// Takes out of text where things are: the host of the Panel, the name of this machine, hosts of URLs, addresses. Whoever helps
// rarely needs them, and a report may end up where everybody reads it.
import { isIP } from 'node:net';
import type { Config } from '../config/config.ts';

/** In the place of what was taken out. */
export const hidden = '{redacted}';

/** Says nothing of where anybody is, and is needed to understand what does. */
const telling = new Set(['127.0.0.1', '::1', '0.0.0.0', '::', 'localhost']);

const hostOfUrl = /\b([a-z][a-z0-9+.-]{1,15}:\/\/)(?:[^\s/?#"'@\\]*@)?(\[[^[\]\s]*\]|[^\s/?#"'\\:,;)]+)/gi;

/** Four numbers with whatever around them; `isIP` knows which are an address. */
const ipv4 = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)/g;

/** Whatever has the letters of an address of version 6, and may have a word before it and a port behind it. */
const lettersOfIpv6 = /(?<![a-z0-9])[0-9a-f.:]{2,}/gi;
const longestAddress = 45;

/** Names of hosts in sentences of Node.js, of OpenSSL and of Go. */
const namesBySentence = [
  /\b((?:ENOTFOUND|EAI_AGAIN) )([\w.-]+)/g,
  /\b(lookup )((?:[\w-]+\.)+[\w-]*|[\w-]+(?= on |: (?:no such|i\/o|server|Temporary)))/g,
  /\b(Host: |DNS:)([\w.*-]+)/g,
  /("(?:host|hostname|address)":")([^"\\]+)/g,
];

/** `machine`: its name, as the system has it. */
export function hostHider({ remote, api, system }: Config, machine: string): (text: string) => string {
  const panel = URL.canParse(remote) ? new URL(remote).hostname : '';
  // A short name may be an everyday word.
  const own = machine.includes('.') ? [machine] : [];
  const names = [panel, api.host, system.sftp.host, ...own].filter((name) => name !== '' && !telling.has(name));
  const patterns = names.map((name) => new RegExp(escaped(name), name.includes('.') ? 'gi' : 'g'));
  return (text) => {
    let shown = text.replace(hostOfUrl, (_, scheme: string, host: string) => scheme + hideName(host));
    for (const sentence of namesBySentence)
      shown = shown.replace(sentence, (_, before: string, host: string) => before + hideName(host));
    for (const pattern of patterns) shown = shown.replace(pattern, hidden);
    return shown.replace(lettersOfIpv6, hideIpv6).replace(ipv4, hideIpv4);
  };
}

function escaped(name: string): string {
  return name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function hideName(host: string): string {
  return telling.has(host.replace(/^\[|\]$/g, '')) ? host : hidden;
}

function hideIpv4(found: string): string {
  return isIP(found) === 0 || telling.has(found) ? found : hidden;
}

function hideIpv6(found: string): string {
  // The start of `added:2001:db8::1` is no part of an address.
  const [before = ''] = /^(?:[0-9a-f]{5,}:|[.:]+)/i.exec(found) ?? [];
  for (const start of before === '' ? [0] : [0, before.length]) {
    for (const end of endsOf(found)) {
      const candidate = found.slice(start, end);
      if (candidate.length > longestAddress || isIP(candidate) !== 6) continue;
      return telling.has(candidate) ? found : found.slice(0, start) + hidden + found.slice(end);
    }
  }
  return found;
}

/** Where an address may end: with all, before the stops of a sentence, and before a port. */
function endsOf(found: string): number[] {
  let end = found.length;
  while (end > 0 && (found[end - 1] === '.' || found[end - 1] === ':')) end -= 1;
  return [found.length, end, found.lastIndexOf(':', end - 1)].filter((one) => one > 0);
}
