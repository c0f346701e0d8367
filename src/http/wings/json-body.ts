// Bodies as the daemons of both Panels read them: the media type does not matter, the first JSON value counts, names count
// whatever their capitals, and what is absent or null is the empty value. Bounded in size, time and depth; keys that every
// object of this language has are refused.
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../clock/clock.ts';
import { inspectJson } from '../kube/strict-json.ts';
import { type HttpRefusal, RequestRefused, refusals } from './http-errors.ts';

/** Bytes; create and sync payloads are a few KiB. */
const maxBytes = 8 * 1024 * 1024;
/** For the whole body, ms. */
const timeLimitMs = 30_000;
const maxDepth = 32;
const inheritedKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** @throws RequestRefused 400, 408, 413; rejects too when the client went away */
export async function readFields(request: IncomingMessage, clock: Clock): Promise<Fields> {
  return parseFields((await readBody(request, clock)).toString('utf8'));
}

/** As the client sent it. @throws RequestRefused */
export async function readJson(request: IncomingMessage, clock: Clock): Promise<unknown> {
  return firstValue((await readBody(request, clock)).toString('utf8'));
}

/** @throws RequestRefused */
export function parseFields(text: string): Fields {
  return new Fields(firstValue(text));
}

function readBody(request: IncomingMessage, clock: Clock): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const pieces: Buffer[] = [];
  let size = 0;
  const end = (settle: () => void) => {
    cancel();
    request.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
    settle();
  };
  const refuse = (refusal: HttpRefusal) => end(() => reject(new RequestRefused(refusal)));
  const onData = (piece: Buffer) => {
    size += piece.length;
    if (size > maxBytes) refuse(refusals.bodyTooLarge);
    else pieces.push(piece);
  };
  const onEnd = () => end(() => resolve(Buffer.concat(pieces)));
  const onError = (error: Error) => end(() => reject(new RequestRefused(refusals.badRequest, { cause: error })));
  const onClose = () => end(() => reject(new RequestRefused(refusals.badRequest)));
  const cancel = clock.after(timeLimitMs, () => refuse(refusals.bodyTooSlow));
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) refuse(refusals.bodyTooLarge);
  else request.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  return promise;
}

function firstValue(text: string): unknown {
  if (text.trim() === '') throw new RequestRefused(refusals.emptyBody);
  const value = parsed(text) ?? parsed(text.slice(0, endOfFirstValue(text)));
  if (!value || inspectJson(value.text).depth > maxDepth || hasInheritedKey(value.json))
    throw new RequestRefused(refusals.badRequest);
  return value.json;
}

/** No Panel names anything so, and whoever copies such a member into an object changes more than that object. */
function hasInheritedKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, member]) => inheritedKeys.has(key) || hasInheritedKey(member));
}

function parsed(text: string): { json: unknown; text: string } | undefined {
  try {
    return { json: JSON.parse(text), text };
  } catch {
    // Whoever asks tries the beginning alone, then refuses.
    return undefined;
  }
}

/** Of a text that may go on after it. Where it does not end, the end of the text. */
function endOfFirstValue(text: string): number {
  let depth = 0;
  let isInText = false;
  const start = text.length - text.trimStart().length;
  for (let at = start; at < text.length; at++) {
    const char = text[at];
    if (isInText) {
      if (char === '\\') at += 1;
      else if (char === '"') isInText = false;
    } else if (char === '"') isInText = true;
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') depth -= 1;
    else if (depth === 0 && at > start && /[\s,:]/.test(char ?? '')) return at;
    if (depth === 0 && !isInText && (char === '}' || char === ']' || char === '"')) return at + 1;
  }
  return text.length;
}

/** The members of an object, read by name and type. Every reader throws RequestRefused 400 for a value of another type. */
export class Fields {
  readonly #members = new Map<string, unknown>();

  /** null is an object without members. @throws RequestRefused for what is no object */
  constructor(value: unknown) {
    if (value === null) return;
    if (typeof value !== 'object' || Array.isArray(value)) throw new RequestRefused(refusals.badRequest);
    for (const [name, member] of Object.entries(value)) {
      if (member !== null) this.#members.set(name.toLowerCase(), member);
    }
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  text(name: string): string {
    const value = this.#members.get(name) ?? '';
    if (typeof value !== 'string') throw new RequestRefused(refusals.badRequest);
    return value;
  }

  /** The Panels' own checks let through what PHP takes for a boolean. */
  flag(name: string): boolean {
    const value = this.#members.get(name) ?? false;
    if (value === true || value === 1 || value === '1' || value === 'true') return true;
    if (value === false || value === 0 || value === '0' || value === 'false') return false;
    throw new RequestRefused(refusals.badRequest);
  }

  integer(name: string): number {
    const value = this.#members.get(name) ?? 0;
    if (!Number.isSafeInteger(value)) throw new RequestRefused(refusals.badRequest);
    return value as number;
  }

  texts(name: string): string[] {
    return this.#list(name).map((item) => {
      if (item !== null && typeof item !== 'string') throw new RequestRefused(refusals.badRequest);
      return item ?? '';
    });
  }

  object(name: string): Fields {
    return new Fields(this.#members.get(name) ?? null);
  }

  objects(name: string): Fields[] {
    return this.#list(name).map((item) => new Fields(item));
  }

  #list(name: string): unknown[] {
    const value = this.#members.get(name) ?? [];
    if (!Array.isArray(value)) throw new RequestRefused(refusals.badRequest);
    return value;
  }
}
