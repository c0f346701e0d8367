// The file kubectl needs to reach this daemon, with everything embedded: it can be copied to another machine.
import { isIPv6 } from 'node:net';
import { stringify } from 'yaml';
import { adminUser, type Pki } from './pki.ts';

export interface KubeconfigInput {
  /** The address the API listens on; a wildcard becomes the loopback address. */
  host: string;
  port: number;
  pki: Pki;
}

/** YAML with one cluster, one user (client certificate) and the context `aileron`. It holds a private key. */
export function kubeconfig({ host, port, pki }: KubeconfigInput): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'aileron',
    clusters: [
      {
        name: 'aileron',
        cluster: {
          server: `https://${urlHost(host)}:${port}`,
          'certificate-authority-data': base64(pki.caCertificate),
        },
      },
    ],
    users: [
      {
        name: adminUser,
        user: {
          'client-certificate-data': base64(pki.admin.certificate),
          'client-key-data': base64(pki.admin.key),
        },
      },
    ],
    contexts: [{ name: 'aileron', context: { cluster: 'aileron', user: adminUser } }],
  });
}

function urlHost(host: string): string {
  if (host === '' || host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return isIPv6(host) ? `[${host}]` : host;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
