// From the text of a manifest to its documents as plain data, with the way back from a field to its line. YAML 1.2 core,
// of which JSON is a part. What could cost more than it is worth (depth, aliases, documents, values) is bounded; what
// could be read in two ways (a field stated twice, a tag, a number that would lose digits) is an error. A hostile text of
// 1 MiB can still cost the library ten seconds and a gigabyte: parse-process.ts puts an end to that.
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
import { type LineNode, linesOf, startOf } from './field-lines.ts';
import { ManifestError, type Mistake } from './manifest-error.ts';

export interface ManifestDocument {
  /** From 1. */
  line: number;
  value: Record<string, unknown>;
  lines: LineNode;
}

/** Plain data, fit to cross to another process. */
export type ParsedDocument = { document: ManifestDocument } | { mistake: Mistake };

const maxDepth = 64;
const maxDocuments = 1_000;

/** Enough for shared settings, far too few for a bomb. */
const maxAliases = 100;

/** Of a file, after aliases are followed: a small text can name a large value again and again. */
const maxValues = 100_000;

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
export function parseManifest(text: string): ParsedDocument[] {
  const found: ParsedDocument[] = [];
  const lines = new LineCounter();
  const lineAt: LineAt = (offset = 0) => Math.max(1, lines.linePos(offset).line);
  const budget = { values: maxValues };
  let count = 0;
  try {
    for (const document of new Composer(yamlOptions).compose(new Parser(lines.addNewLine).parse(text))) {
      count += 1;
      if (count > maxDocuments) throw new ManifestError(`the file holds more than ${maxDocuments} documents`);
      const entry = readDocument(document, lineAt, budget);
      if (entry) found.push(entry);
    }
  } catch (cause) {
    found.push({ mistake: mistakeOf(cause) });
  }
  return found;
}

/** What is left of the bounds of a file. */
interface Budget {
  values: number;
}

function readDocument(document: Document.Parsed, lineAt: LineAt, budget: Budget): ParsedDocument | undefined {
  const { contents } = document;
  const line = lineAt(contents?.range?.[0] ?? document.range?.[0]);
  try {
    const [wrong] = [...document.errors, ...document.warnings];
    if (wrong) {
      const message = `the document is not valid YAML: ${firstLine(wrong.message)}`;
      return { mistake: { message, line: lineAt(wrong.pos[0]) } };
    }
    if (contents === null || (isScalar(contents) && contents.value === null)) return undefined;
    checkNodes(contents, lineAt);
    const value: unknown = document.toJS({ maxAliasCount: maxAliases });
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return { mistake: { message: 'the document is not an object', line } };
    }
    checkSize(value, line, budget);
    return { document: { line, value: value as Record<string, unknown>, lines: linesOf(document, lineAt) } };
  } catch (cause) {
    return { mistake: mistakeOf(cause, line) };
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

function checkSize(root: object, line: number, budget: Budget): void {
  const open = [{ value: root, depth: 1 }];
  for (let next = open.pop(); next; next = open.pop()) {
    if (next.depth > maxDepth) throw new ManifestError(`the document nests deeper than ${maxDepth} levels`, { line });
    for (const child of Object.values(next.value)) {
      budget.values -= 1;
      if (budget.values < 0) throw new ManifestError(`the file has more than ${maxValues} values`, { line });
      if (typeof child === 'object' && child !== null) open.push({ value: child, depth: next.depth + 1 });
    }
  }
}

/** Whatever the library throws, a RangeError of its own recursion among it, is a fault of the text. */
function mistakeOf(cause: unknown, line?: number): Mistake {
  if (cause instanceof ManifestError) return cause.mistake;
  const why =
    cause instanceof RangeError
      ? 'it nests too deep'
      : firstLine(cause instanceof Error ? cause.message : String(cause));
  return { message: `the document cannot be read: ${why}`, ...(line === undefined ? {} : { line }) };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
