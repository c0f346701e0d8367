// From the text of a manifest to its documents as plain data, with the way back from a field to its line. YAML 1.2 core,
// of which JSON is a part. What could cost more than it is worth (depth, aliases, documents, values) is bounded; what
// could be read in two ways (a field stated twice, a tag, a number that would lose digits) is an error.
import {
  Composer,
  type Document,
  isAlias,
  isCollection,
  isMap,
  isPair,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  Parser,
} from 'yaml';
import { offsetOf } from './field-lines.ts';
import { ManifestError } from './manifest-error.ts';

export interface ManifestDocument {
  /** From 1. */
  line: number;
  value: Record<string, unknown>;
  /** The line of a field, or of what is nearest around it. */
  lineOf(field: string): number;
}

const maxDepth = 64;
const maxDocuments = 1_000;

/** Enough for shared settings, far too few for a bomb. */
const maxAliases = 100;

/** After aliases are followed: a small text can name a large value again and again. */
const maxValues = 200_000;

const yamlOptions = {
  version: '1.2',
  schema: 'core',
  // Otherwise a tag would turn text into a date or bytes, which no field of ours is.
  resolveKnownTags: false,
  stringKeys: true,
  // Looked for below: the library compares every key of a map with every other.
  uniqueKeys: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const;

type LineAt = (offset: number | undefined) => number;

/** In their order, each by itself: a fault of one is no fault of the next. Empty ones are left out. Never throws. */
export function parseManifest(text: string): (ManifestDocument | ManifestError)[] {
  const found: (ManifestDocument | ManifestError)[] = [];
  const lines = new LineCounter();
  const lineAt: LineAt = (offset = 0) => Math.max(1, lines.linePos(offset).line);
  let count = 0;
  try {
    for (const document of new Composer(yamlOptions).compose(new Parser(lines.addNewLine).parse(text))) {
      count += 1;
      if (count > maxDocuments) throw new ManifestError(`the file holds more than ${maxDocuments} documents`);
      const entry = readDocument(document, lineAt);
      if (entry) found.push(entry);
    }
  } catch (cause) {
    found.push(asManifestError(cause));
  }
  return found;
}

function readDocument(document: Document.Parsed, lineAt: LineAt): ManifestDocument | ManifestError | undefined {
  const { contents } = document;
  const line = lineAt(contents?.range?.[0] ?? document.range?.[0]);
  try {
    const [wrong] = [...document.errors, ...document.warnings];
    if (wrong) {
      const message = `the document is not valid YAML: ${firstLine(wrong.message)}`;
      return new ManifestError(message, { line: lineAt(wrong.pos[0]), cause: wrong });
    }
    if (contents === null || (isScalar(contents) && contents.value === null)) return undefined;
    checkNodes(contents, lineAt);
    const value: unknown = document.toJS({ maxAliasCount: maxAliases });
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return new ManifestError('the document is not an object', { line });
    }
    checkSize(value, line);
    const lineOf = (field: string) => lineAt(offsetOf(document, field));
    return { line, value: value as Record<string, unknown>, lineOf };
  } catch (cause) {
    return asManifestError(cause, line);
  }
}

/** Walks with a list of its own, like `checkSize`: a recursion is what the bound on depth protects. */
function checkNodes(root: Node, lineAt: LineAt): void {
  let aliases = 0;
  const open: unknown[] = [root];
  while (open.length > 0) {
    const node = open.pop();
    const line = lineAt(startOf(node));
    if (isAlias(node)) aliases += 1;
    if (aliases > maxAliases) throw new ManifestError(`the document has more than ${maxAliases} aliases`, { line });
    if (isScalar(node)) checkNumber(node.value, line);
    if (!isCollection(node)) continue;
    if (isMap(node)) checkKeys(node.items, lineAt);
    for (const item of node.items) open.push(isPair(item) ? item.value : item);
  }
}

function checkKeys(pairs: readonly Pair[], lineAt: LineAt): void {
  const keys = new Set<string>();
  for (const { key } of pairs) {
    const line = lineAt(startOf(key));
    if (!isScalar(key)) throw new ManifestError('a key is no text', { line });
    const name = String(key.value);
    if (keys.has(name)) throw new ManifestError(`the field ${JSON.stringify(name)} is stated twice`, { line });
    if (name === '__proto__') throw new ManifestError(`the field ${JSON.stringify(name)} is not allowed`, { line });
    keys.add(name);
  }
}

/** An identifier of 20 digits would arrive as another one. */
function checkNumber(value: unknown, line: number): void {
  if (typeof value !== 'number' || !Number.isInteger(value) || Number.isSafeInteger(value)) return;
  throw new ManifestError('the number has more digits than can be kept: put it in quotes', { line });
}

function checkSize(root: object, line: number): void {
  let values = 0;
  const open = [{ value: root, depth: 1 }];
  for (let next = open.pop(); next; next = open.pop()) {
    if (next.depth > maxDepth) throw new ManifestError(`the document nests deeper than ${maxDepth} levels`, { line });
    for (const child of Object.values(next.value)) {
      values += 1;
      if (values > maxValues) throw new ManifestError(`the document has more than ${maxValues} values`, { line });
      if (typeof child === 'object' && child !== null) open.push({ value: child, depth: next.depth + 1 });
    }
  }
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0];
}

/** Whatever the library throws, a RangeError of its own recursion among it, is a fault of the text. */
function asManifestError(cause: unknown, line?: number): ManifestError {
  if (cause instanceof ManifestError) return cause;
  const why =
    cause instanceof RangeError
      ? 'it nests too deep'
      : firstLine(cause instanceof Error ? cause.message : String(cause));
  return new ManifestError(`the document cannot be read: ${why}`, { ...(line === undefined ? {} : { line }), cause });
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
