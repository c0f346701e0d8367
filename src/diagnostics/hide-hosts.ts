// Takes out of text where things are: the host of the Panel, the name of this machine, hosts of URLs, addresses. Whoever helps
// rarely needs them, and a report may end up where everybody reads it.
import { isIP } from 'node:net';
import type { Config } from '../config/config.ts';

/** In the place of what was taken out. */
export const hidden = '{redacted}';

/** Says nothing of where anybody is, and is needed to understand what does. */
const telling = new Set(['127.0.0.1', '::1', '0.0.0.0', '::', 'localhost']);

const hostOfUrl = /\b([a-z][a-z0-9+.-]{1,15}:\/\/)(?:[^\s/?#"'@\\]*@)?(\[[^\]\s]*\]|[^\s/?#"'\\:,;)]+)/gi;

/** Whatever has the letters of an address; `isIP` knows which are. */
const address = /[0-9a-f.:]{2,45}/gi;

/** `machine`: its name, as the system has it. */
export function hostHider({ remote, api, system }: Config, machine: string): (text: string) => string {
  const panel = URL.canParse(remote) ? new URL(remote).hostname : '';
  // A short name may be an everyday word.
  const own = machine.includes('.') ? [machine] : [];
  const names = [panel, api.host, system.sftp.host, ...own].filter((name) => name !== '' && !telling.has(name));
  return (text) => {
    let shown = text.replace(
      hostOfUrl,
      (_, scheme: string, host: string) => `${scheme}${isTelling(host) ? host : hidden}`,
    );
    for (const name of names) shown = shown.replaceAll(name, hidden);
    return shown.replace(address, (found) => hideAddress(found));
  };
}

function isTelling(host: string): boolean {
  return telling.has(host.replace(/^\[|\]$/g, ''));
}

/** A port behind an address, or a full stop behind a sentence, stays. */
function hideAddress(found: string): string {
  const [, bare = found, rest = ''] = /^(.*?)(:\d{1,5}|[.:]+)?$/.exec(found) ?? [];
  for (const [candidate, after] of [
    [found, ''],
    [bare, rest],
  ] as const) {
    if (isIP(candidate) !== 0) return telling.has(candidate) ? found : hidden + after;
  }
  return found;
}
