// One request of the command line to somebody else's server: no redirect is followed, so that no secret goes astray; what
// comes is bounded in time and size.
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ConnectionOptions } from 'node:tls';

export interface WebRequest {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: string;
  /** Certificates are not checked. */
  insecure?: boolean;
  /** Of https: whom to believe. */
  trust?: ConnectionOptions;
  /** ms for all of it. Default 30 s. */
  timeoutMs?: number;
  /** Of the answer. Default 1 MiB. */
  maxBytes?: number;
}

export interface WebAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

const defaultTimeoutMs = 30_000;
const defaultMaxBytes = 1024 * 1024;

/** @throws the system's error, with its code */
export function webRequest(url: string, options: WebRequest = {}): Promise<WebAnswer> {
  const { method = 'GET', headers = {}, body, insecure = false, trust = {} } = options;
  const { timeoutMs = defaultTimeoutMs, maxBytes = defaultMaxBytes } = options;
  const open = url.startsWith('https:') ? httpsRequest : httpRequest;
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    // A connection of its own: the process is to end when it has its answer.
    const settings = { method, headers, signal, agent: false, ...trust, rejectUnauthorized: !insecure } as const;
    const request = open(url, settings, (answer) => {
      const chunks: Buffer[] = [];
      let length = 0;
      answer.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxBytes) request.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      answer.on('error', reject);
      answer.on('end', () => {
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          text: Buffer.concat(chunks).toString('utf8'),
        });
      });
    });
    request.on('error', (error) => {
      const timedOut = signal.aborted && (error as NodeJS.ErrnoException).code === 'ABORT_ERR';
      reject(
        timedOut ? Object.assign(new Error(`no answer within ${timeoutMs / 1000} s`), { code: 'ETIMEDOUT' }) : error,
      );
    });
    request.end(body);
  });
}
