// Reads the part of a kubeconfig that says how to reach its current context: address, authority, token or client pair.
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { CliError } from './exit-codes.ts';
import type { NodeAccess } from './node-access.ts';

type Fields = Record<string, unknown>;

/** @throws CliError naming what is missing */
export function readKubeconfig(path: string, text: string): NodeAccess {
  const wrong = (what: string) => new CliError(`The kubeconfig ${path} ${what}.`);
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'silent' });
  if (document.errors[0])
    throw new CliError(`The kubeconfig ${path} is not YAML that can be read.`, { cause: document.errors[0] });
  const root: unknown = document.toJS({ maxAliasCount: 100 });
  const config = fieldsOf(root);
  const context = fieldsOf(entry(config['contexts'], config['current-context'])['context']);
  const cluster = fieldsOf(entry(config['clusters'], context['cluster'])['cluster']);
  const user = fieldsOf(entry(config['users'], context['user'])['user']);

  const server = textOf(cluster['server']);
  if (!server || !URL.canParse(server)) throw wrong('names no server in its current context');
  if (new URL(server).protocol !== 'https:') throw wrong('names a server that is not https');
  if (cluster['insecure-skip-tls-verify'] === true)
    throw wrong('skips the check of the certificate (insecure-skip-tls-verify), which this command never does');

  const data = (holder: Fields, key: string) => {
    const embedded = textOf(holder[`${key}-data`]);
    if (embedded) return Buffer.from(embedded, 'base64').toString('utf8');
    const file = textOf(holder[key]);
    return file ? readBeside(path, file) : undefined;
  };
  const ca = data(cluster, 'certificate-authority');
  const certificate = data(user, 'client-certificate');
  const key = data(user, 'client-key');
  const tokenFile = textOf(user['tokenFile']);
  const token = textOf(user['token']) ?? (tokenFile ? readBeside(path, tokenFile).trim() : undefined);
  if (!token && !(certificate && key)) throw wrong('has neither a token nor a client certificate with its key');
  return {
    origin: server.replace(/\/+$/, ''),
    ...(ca ? { ca } : {}),
    ...(token ? { token } : {}),
    ...(certificate && key ? { clientCertificate: { certificate, key } } : {}),
  };
}

function readBeside(path: string, file: string): string {
  const place = resolve(dirname(path), file);
  try {
    return readFileSync(place, 'utf8');
  } catch (error) {
    throw new CliError(`The file ${place}, which the kubeconfig names, cannot be read.`, { cause: error });
  }
}

function entry(list: unknown, name: unknown): Fields {
  const items: unknown[] = Array.isArray(list) ? list : [];
  return fieldsOf(items.find((item) => fieldsOf(item)['name'] === name));
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
