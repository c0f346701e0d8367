// The few calls to the Docker Engine API that set-up needs, over the endpoint that DOCKER_HOST names.
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { SetupError } from './step.mjs';

const defaultHost = 'unix:///var/run/docker.sock';
const timeoutMs = 120_000;

/** The endpoint as the person would name it. */
export const dockerHost = process.env.DOCKER_HOST || defaultHost;

export const isDefaultHost = dockerHost === defaultHost;

/**
 * Resolves with status and body of the answer; rejects with the connection's error, whose `code` tells the case.
 * @param {{ method?: string, path: string, body?: Buffer, contentType?: string }} call
 * @returns {Promise<{ status: number, text: string }>}
 */
export function dockerCall({ method = 'GET', path, body, contentType }) {
  const { send, options } = endpoint();
  return new Promise((resolve, reject) => {
    const headers = body ? { 'content-type': contentType, 'content-length': body.length } : {};
    const request = send({ ...options, method, path, headers, timeout: timeoutMs }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)));
    request.on('error', reject);
    request.end(body);
  });
}

function endpoint() {
  const url = new URL(dockerHost);
  if (url.protocol === 'unix:') return { send: httpRequest, options: { socketPath: url.pathname } };
  if (url.protocol !== 'tcp:' && url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new SetupError(`DOCKER_HOST=${dockerHost} is not supported; use unix:// or tcp://.`);
  }
  const address = { host: url.hostname, port: url.port || 2375 };
  if (!process.env.DOCKER_TLS_VERIFY && url.protocol !== 'https:') return { send: httpRequest, options: address };
  const certificates = process.env.DOCKER_CERT_PATH || join(homedir(), '.docker');
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readFileSync(join(certificates, name)));
  return { send: httpsRequest, options: { ...address, port: url.port || 2376, ca, cert, key } };
}
