// From the bytes of a request to plain data. Bounded in size (by the listener), depth and number of values, keyed by
// the exact media type, and free of keys that could reach a prototype.
import { type Document, isScalar, parseDocument, visit, YAMLParseError } from 'yaml';
import { jsonType, yamlType } from './negotiation.ts';
import { badRequest, StatusError, unsupportedMediaType } from './status.ts';
import { inspectJson } from './strict-json.ts';

/** As the API server of Kubernetes: 3 MiB. */
export const maxBodyBytes = 3 * 1024 * 1024;
/** No kind comes near it. */
const maxDepth = 32;
/** Values after aliases are followed, so that a small YAML cannot become a large object. */
const maxValues = 200_000;

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

export interface DecodedBody {
  value: Record<string, unknown>;
  /** Paths of keys stated twice; the last one counted. */
  duplicates: string[];
}

/** The media type without parameters, lower case. */
export function essence(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

/** An object in JSON or YAML. Without a Content-Type it is JSON. @throws StatusError 400 or 415 */
export function decodeObject(body: unknown, contentType: string | undefined): DecodedBody {
  const type = essence(contentType) || jsonType;
  if (type !== jsonType && type !== yamlType) {
    const accepted = `${jsonType}, ${yamlType}`;
    throw new StatusError(
      unsupportedMediaType(
        `the body of the request was in an unknown format - accepted media types include: ${accepted}`,
      ),
    );
  }
  return type === yamlType ? decodeYaml(textOf(body)) : decodeJson(textOf(body));
}

/** JSON whatever the Content-Type says; the caller has looked at it. */
export function decodeJson(text: string): DecodedBody {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new StatusError(badRequest('the body of the request is not valid JSON'), { cause });
  }
  const { depth, duplicates } = inspectJson(text);
  if (depth > maxDepth) throw tooDeep();
  return { value: checked(value), duplicates };
}

export function textOf(body: unknown): string {
  if (!Buffer.isBuffer(body) || body.length === 0) throw new StatusError(badRequest('the request has no body'));
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (cause) {
    throw new StatusError(badRequest('the body of the request is not valid UTF-8'), { cause });
  }
}

/** Parsing takes the main thread a second per MiB; kubectl itself sends JSON. */
const maxYamlLength = 256 * 1024;

const yamlOptions = {
  schema: 'core',
  resolveKnownTags: false,
  // Looked for below: the library compares every key of a map with every other, minutes for a body of some MiB.
  uniqueKeys: false,
  logLevel: 'silent',
  prettyErrors: false,
} as const;

function refuseRepeatedKeys(document: Document): void {
  visit(document, {
    Map(_, { items }) {
      const keys = new Set<string>();
      for (const { key } of items) {
        const name = String(isScalar(key) ? key.value : key);
        if (keys.has(name)) throw new YAMLParseError(offsets(key), 'DUPLICATE_KEY', 'a key stands there twice');
        keys.add(name);
      }
    },
  });
}

function offsets(node: unknown): [number, number] {
  const [start = 0] = (isScalar(node) && node.range) || [];
  return [start, start + 1];
}

function decodeYaml(text: string): DecodedBody {
  if (text.length > maxYamlLength) {
    throw new StatusError(badRequest(`a body in YAML is at most ${maxYamlLength} characters long: send JSON`));
  }
  let value: unknown;
  try {
    const document = parseDocument(text, yamlOptions);
    const [first] = document.errors;
    if (first) throw first;
    refuseRepeatedKeys(document);
    value = document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    // Also a RangeError: thousands of open brackets exhaust the parser's stack before our own bound is asked.
    throw new StatusError(badRequest(`the body of the request is not valid YAML${position(cause)}`), { cause });
  }
  return { value: checked(value), duplicates: [] };
}

function position(cause: unknown): string {
  const code = (cause as { code?: unknown }).code;
  const [offset] = (cause as { pos?: number[] }).pos ?? [];
  return typeof code === 'string' && offset !== undefined ? ` (${code} at offset ${offset})` : '';
}

function checked(root: unknown): Record<string, unknown> {
  if (root === null || typeof root !== 'object' || Array.isArray(root)) {
    throw new StatusError(badRequest('the body of the request is not an object'));
  }
  let values = 0;
  const open: { value: object; depth: number }[] = [{ value: root, depth: 1 }];
  for (let next = open.pop(); next; next = open.pop()) {
    if (next.depth > maxDepth) throw tooDeep();
    for (const [key, child] of Object.entries(next.value)) {
      values += 1;
      if (values > maxValues)
        throw new StatusError(badRequest(`the body of the request has more than ${maxValues} values`));
      if (forbiddenKeys.has(key)) throw new StatusError(badRequest(`the key "${key}" is not allowed`));
      if (child !== null && typeof child === 'object') open.push({ value: child as object, depth: next.depth + 1 });
    }
  }
  return root as Record<string, unknown>;
}

function tooDeep(): StatusError {
  return new StatusError(badRequest(`the body of the request nests deeper than ${maxDepth} levels`));
}
