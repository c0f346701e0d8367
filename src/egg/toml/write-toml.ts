// Puts the changes of a TOML tree into the text it was read from: a value takes the place of a value, a new key follows
// the last one of its table, a new table comes at the end of the file.
import { type Splice, spliced } from '../splice.ts';
import { childrenOf, type Entry, isChanged, type MapNode, type Slot, type TreeNode } from '../tree/tree.ts';
import { type TomlBody, type TomlFile, type TomlOrigin, type TomlTable, tableOf } from './read-toml.ts';

type Node = TreeNode<TomlOrigin>;
type TableEntry = Entry<TomlOrigin> & { node: MapNode<TomlOrigin> };
type Line = [path: readonly string[], value: Node];

/** `text` is empty or ends with a line break. */
export function writeToml(text: string, { root, firstHeader }: TomlFile, lineBreak: string): string {
  const writer = new TomlWriter(text, firstHeader, lineBreak);
  writer.slot(root);
  return spliced(text, writer.splices) + writer.sections;
}

class TomlWriter {
  readonly splices: Splice[] = [];
  /** New tables. */
  sections = '';
  readonly #text: string;
  readonly #firstHeader: number;
  readonly #lineBreak: string;

  constructor(text: string, firstHeader: number, lineBreak: string) {
    this.#text = text;
    this.#firstHeader = firstHeader;
    this.#lineBreak = lineBreak;
  }

  slot(slot: Slot<TomlOrigin>): void {
    if (slot.origin && isChanged(slot)) {
      const { start, end, literalString } = slot.origin;
      this.splices.push({ start, end, text: valueText(slot.node, literalString) });
      return;
    }
    for (const child of childrenOf(slot.node)) if (child.original) this.slot(child);
    if (slot.node.kind === 'map') this.#add(slot.node);
  }

  #add(map: MapNode<TomlOrigin>): void {
    const added = map.entries.filter((entry) => !entry.original);
    if (added.length === 0) return;
    const table = tableOf(map);
    if (table.form === 'inline') this.#addInline(added, table.body);
    else if (table.form === 'implied') this.#addSection(table.path, added);
    else this.#addToBody(added, table);
  }

  #addToBody(added: readonly Entry<TomlOrigin>[], table: TomlTable): void {
    const lines = added
      .filter((entry) => !isSection(entry, table))
      .flatMap(({ key, node }) => dottedLines([...table.prefix, key], node));
    if (lines.length > 0) this.#addLines(lines, table.body);
    for (const entry of added) {
      if (isSection(entry, table)) this.#addSection([...table.path, entry.key], entry.node.entries);
    }
  }

  #addInline(added: readonly Entry<TomlOrigin>[], { insertAt, hasKeys }: TomlBody): void {
    const pairs = added.map((entry) => pairText([[entry.key], entry.node], false)).join(', ');
    const after = this.#text[insertAt] === '}' ? ' ' : '';
    this.splices.push({ start: insertAt, end: insertAt, text: hasKeys ? `, ${pairs}` : ` ${pairs}${after}` });
  }

  #addLines(lines: readonly Line[], { insertAt, indent, tight }: TomlBody): void {
    const text = lines.map((line) => indent + pairText(line, tight) + this.#lineBreak).join('');
    const beforeHeader = insertAt === -1 && this.#firstHeader < this.#text.length;
    const at = insertAt === -1 ? this.#firstHeader : insertAt;
    this.splices.push({ start: at, end: at, text: beforeHeader ? text + this.#lineBreak : text });
  }

  #addSection(path: readonly string[], entries: readonly Entry<TomlOrigin>[]): void {
    const lines = entries.filter(({ node }) => node.kind !== 'map');
    if (lines.length > 0) {
      const gap = this.#text === '' && this.sections === '' ? '' : this.#lineBreak;
      const header = `[${path.map(keyText).join('.')}]${this.#lineBreak}`;
      const body = lines.map(({ key, node }) => pairText([[key], node], false) + this.#lineBreak).join('');
      this.sections += gap + header + body;
    }
    for (const { key, node } of entries) if (node.kind === 'map') this.#addSection([...path, key], node.entries);
  }
}

/** A header names its table from the root, so it cannot reach into one of a list, nor into what dotted keys made. */
function isSection(entry: Entry<TomlOrigin>, { form, inList }: TomlTable): entry is TableEntry {
  return entry.node.kind === 'map' && form !== 'dotted' && !inList;
}

function dottedLines(path: readonly string[], node: Node): Line[] {
  if (node.kind !== 'map') return [[path, node]];
  return node.entries.flatMap((entry) => dottedLines([...path, entry.key], entry.node));
}

function pairText([path, node]: Line, tight: boolean): string {
  return `${path.map(keyText).join('.')}${tight ? '=' : ' = '}${valueText(node, false)}`;
}

function valueText(node: Node, literalString: boolean): string {
  if (node.kind === 'list') return `[${node.items.map((item) => valueText(item.node, false)).join(', ')}]`;
  if (node.kind === 'map') {
    return `{ ${node.entries.map((entry) => pairText([[entry.key], entry.node], false)).join(', ')} }`;
  }
  if (node.type !== 'string') return node.text;
  return literalString && /^[^'\p{Cc}\p{Cs}]*$/u.test(node.text) ? `'${node.text}'` : quoted(node.text);
}

function keyText(key: string): string {
  return /^[A-Za-z0-9_-]+$/.test(key) ? key : quoted(key);
}

/** JSON's escapes are TOML's, and lone surrogates are none of either. */
function quoted(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll('\x7f', '\\u007f');
}
