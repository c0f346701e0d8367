// Reads TOML 1.0 into a tree whose tables know where a key can be added to them and whose values know where they stand.
// Names are never properties of an object.
import { EggFileError } from '../config-file.ts';
import { byteOrderMark } from '../text.ts';
import {
  addEntry,
  type ListNode,
  listNode,
  type MapNode,
  mapNode,
  readSlot,
  type Slot,
  type TreeNode,
} from '../tree/tree.ts';
import { TomlScanner } from './scan-toml.ts';

const maxDepth = 128;

export interface TomlOrigin {
  /** Of a value's text. Both 0 for what has no text of its own: tables with a header or dotted keys, lists of tables. */
  start: number;
  end: number;
  /** How a string was quoted. */
  literalString: boolean;
  /** Set for tables. */
  table: TomlTable | undefined;
}

export interface TomlTable {
  /** `implied`: by the header of a table below it; it may still get a header of its own. */
  form: 'root' | 'header' | 'implied' | 'dotted' | 'inline';
  /** From the root. */
  path: readonly string[];
  /** It is, or is in, one of a list of tables: a header at the end of the file would mean another one. */
  inList: boolean;
  /** The body that its keys are written in; of a dotted table, the table it is in. */
  body: TomlBody;
  /** What stands before its keys there. */
  prefix: readonly string[];
}

/** The lines between a header and the next. */
export interface TomlBody {
  /** Behind the last key, or the header; -1 while there is none. */
  insertAt: number;
  hasKeys: boolean;
  /** What stands before a key, and around its `=`. */
  indent: string;
  tight: boolean;
  /** In a table with braces. */
  inline: boolean;
}

export interface TomlFile {
  root: Slot<TomlOrigin>;
  /** Where the first header's line begins; the length of the text without one. */
  firstHeader: number;
}

type Table = MapNode<TomlOrigin>;

/** @throws EggFileError */
export function readToml(text: string): TomlFile {
  return new TomlReader(text).file();
}

class TomlReader {
  readonly #scan: TomlScanner;
  readonly #root: Table;
  readonly #start: number;
  #current: Table;
  #firstHeader: number;

  constructor(text: string) {
    this.#start = text.startsWith(byteOrderMark) ? 1 : 0;
    this.#scan = new TomlScanner(text, this.#start);
    this.#root = tableNode({ form: 'root', path: [], inList: false, body: newBody(-1, false), prefix: [] });
    this.#current = this.#root;
    this.#firstHeader = text.length;
  }

  file(): TomlFile {
    const scan = this.#scan;
    for (;;) {
      scan.blankLines();
      if (scan.atEnd) break;
      const start = scan.at;
      if (scan.take('[')) this.#header(start);
      else this.#keyValue(start);
      scan.endOfLine();
    }
    return { root: readSlot(this.#root), firstHeader: this.#firstHeader };
  }

  #header(start: number): void {
    const scan = this.#scan;
    this.#firstHeader = Math.min(this.#firstHeader, Math.max(this.#start, scan.lineStart(start)));
    const isList = scan.take('[');
    scan.space();
    const path = scan.key();
    if (path.length > maxDepth) throw new EggFileError('TOML is nested too deep');
    if (!scan.take(']') || (isList && !scan.take(']'))) scan.fail();
    const body = newBody(scan.nextLine(), false);
    const name = path.at(-1) ?? '';
    const parent = this.#parentOf(path);
    this.#current = isList ? this.#listElement(parent, name, path, body) : this.#table(parent, name, path, body);
  }

  #parentOf(path: readonly string[]): Table {
    let table = this.#root;
    for (const [index, name] of path.slice(0, -1).entries()) {
      const node = table.byKey.get(name)?.node;
      const implied = {
        form: 'implied',
        path: path.slice(0, index + 1),
        body: newBody(-1, false),
        prefix: [],
      } as const;
      table = node ? this.#lastTable(node) : addTable(table, name, { ...implied, inList: tableOf(table).inList });
    }
    return table;
  }

  /** Of a list of tables, the last is meant. */
  #lastTable(node: TreeNode<TomlOrigin>): Table {
    const found = node.kind === 'list' && isTableList(node) ? node.items.at(-1)?.node : node;
    if (found?.kind !== 'map' || tableOf(found).form === 'inline') this.#scan.fail();
    return found;
  }

  #table(parent: Table, name: string, path: readonly string[], body: TomlBody): Table {
    const existing = parent.byKey.get(name)?.node;
    const { inList } = tableOf(parent);
    if (!existing) return addTable(parent, name, { form: 'header', path, inList, body, prefix: [] });
    if (existing.kind !== 'map' || tableOf(existing).form !== 'implied') this.#scan.fail();
    const table = tableOf(existing);
    table.form = 'header';
    table.body = body;
    return existing;
  }

  #listElement(parent: Table, name: string, path: readonly string[], body: TomlBody): Table {
    const existing = parent.byKey.get(name)?.node;
    const list = existing ?? listNode(originOf(0, 0));
    if (list.kind !== 'list' || !isTableList(list)) this.#scan.fail();
    if (!existing) addEntry(parent, name, readSlot(list, originOf(0, 0)));
    const table = tableNode({ form: 'header', path, inList: true, body, prefix: [] });
    list.items.push(readSlot(table, table.origin));
    return table;
  }

  #keyValue(start: number): void {
    const { body } = tableOf(this.#current);
    const indent = this.#scan.textBetween(this.#scan.lineStart(start), start);
    const { tight } = this.#pair(this.#current, body, 0);
    if (/^[ \t]*$/.test(indent)) body.indent = indent;
    body.hasKeys = true;
    body.tight = tight;
    body.insertAt = this.#scan.nextLine();
  }

  #pair(table: Table, body: TomlBody, depth: number): { tight: boolean } {
    const scan = this.#scan;
    const path = scan.key();
    const keyEnd = scan.at;
    if (!scan.take('=')) scan.fail();
    const tight = scan.textBetween(keyEnd - 1, keyEnd).trim() !== '';
    scan.space();
    let target = table;
    for (const [index, name] of path.slice(0, -1).entries()) {
      target = this.#dotted(target, name, path.slice(0, index + 1), body);
    }
    const name = path.at(-1) ?? '';
    if (target.byKey.has(name)) scan.fail();
    addEntry(target, name, this.#value(depth, [...tableOf(target).path, name]));
    return { tight };
  }

  #dotted(parent: Table, name: string, prefix: readonly string[], body: TomlBody): Table {
    const existing = parent.byKey.get(name)?.node;
    const { inList, path } = tableOf(parent);
    if (!existing) return addTable(parent, name, { form: 'dotted', path: [...path, name], inList, body, prefix });
    if (existing.kind !== 'map' || tableOf(existing).form !== 'dotted' || tableOf(existing).body !== body) {
      this.#scan.fail();
    }
    return existing;
  }

  #value(depth: number, path: readonly string[]): Slot<TomlOrigin> {
    if (depth > maxDepth) throw new EggFileError('TOML is nested too deep');
    const scan = this.#scan;
    const start = scan.at;
    const node = scan.take('[') ? this.#array(depth, path) : scan.take('{') ? this.#inline(depth, path) : undefined;
    if (!node) {
      const { scalar, literalString } = scan.scalar();
      const origin = originOf(start, scan.at, literalString);
      return readSlot({ ...scalar, origin }, origin);
    }
    if (node.origin) {
      node.origin.start = start;
      node.origin.end = scan.at;
    }
    return readSlot(node, node.origin);
  }

  #array(depth: number, path: readonly string[]): ListNode<TomlOrigin> {
    const scan = this.#scan;
    const list = listNode(originOf(0, 0));
    for (;;) {
      scan.blankLines();
      if (scan.take(']')) return list;
      list.items.push(this.#value(depth + 1, path));
      scan.blankLines();
      if (scan.take(',')) continue;
      if (scan.take(']')) return list;
      scan.fail();
    }
  }

  #inline(depth: number, path: readonly string[]): Table {
    const scan = this.#scan;
    const body = newBody(scan.at, true);
    const table = tableNode({ form: 'inline', path, inList: true, body, prefix: [] });
    scan.space();
    if (scan.take('}')) return table;
    do {
      scan.space();
      this.#pair(table, body, depth + 1);
      body.hasKeys = true;
      body.insertAt = scan.at;
      scan.space();
    } while (scan.take(','));
    if (!scan.take('}')) scan.fail();
    return table;
  }
}

export function tableOf(map: Table): TomlTable {
  const table = map.origin?.table;
  if (!table) throw new Error('a table that was read has an origin');
  return table;
}

/** Made by `[[name]]`, not by brackets behind `=`. */
function isTableList({ origin }: ListNode<TomlOrigin>): boolean {
  return origin?.end === 0;
}

function addTable(parent: Table, name: string, table: TomlTable): Table {
  const node = tableNode(table);
  addEntry(parent, name, readSlot(node, node.origin));
  return node;
}

function tableNode(table: TomlTable): Table {
  return mapNode({ ...originOf(0, 0), table });
}

function originOf(start: number, end: number, literalString = false): TomlOrigin {
  return { start, end, literalString, table: undefined };
}

function newBody(insertAt: number, inline: boolean): TomlBody {
  return { insertAt, hasKeys: false, indent: '', tight: false, inline };
}
