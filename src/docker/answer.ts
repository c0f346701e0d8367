// Reads answers: whole ones up to a bound, refusals into DockerError, all of them under an AbortSignal.
import type { Duplex, Readable } from 'node:stream';
import { DockerError } from './engine.ts';
import { object, text } from './json.ts';

const maxRefusalBytes = 64 * 1024;

/** Destroys the stream when the signal aborts, as long as the stream lives. */
export function tieTo(signal: AbortSignal, stream: Readable | Duplex): void {
  const onAbort = () => stream.destroy(signal.reason as Error);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  stream.once('close', () => signal.removeEventListener('abort', onAbort));
}

/** Runs `work` on the stream and leaves no open stream behind. */
export async function destroyedBy<T>(signal: AbortSignal, stream: Readable, work: () => Promise<T>): Promise<T> {
  stream.on('error', () => {}); // told to whoever iterates; nobody may be
  tieTo(signal, stream);
  try {
    return await work();
  } finally {
    stream.destroy();
  }
}

/** @throws DockerError when the body is longer than `maxBytes`; what the stream throws when it breaks */
export function readAll(body: Readable, maxBytes: number, status: number, signal: AbortSignal): Promise<Buffer> {
  return destroyedBy(signal, body, async () => {
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of body as AsyncIterable<Buffer>) {
      length += piece.length;
      if (length > maxBytes) throw new DockerError(status, `Docker's answer is longer than ${maxBytes} bytes`);
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  });
}

/** The error for an answer that makes no sense. */
export function unreadable(status: number, message: string, cause: unknown): DockerError {
  return new DockerError(status, message, { cause });
}

/** The error that a refused call ends with, in Docker's own words where it has some. */
export async function refusal(status: number, body: Readable, signal: AbortSignal): Promise<DockerError> {
  const content = (await readAll(body, maxRefusalBytes, status, signal)).toString('utf8');
  let message = content.trim();
  try {
    message = text(object(JSON.parse(content)).message) || message;
  } catch {
    // Not JSON: a proxy in between, or an old engine. The text as it is says the most.
  }
  return new DockerError(status, message || `Docker answered with status ${status}`);
}

/** Settles as `promise` does, or rejects with the signal's reason when it aborts first. */
export async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
