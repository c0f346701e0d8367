// Puts single values into a YAML text and leaves every other byte as its author wrote it: comments, order, quotes, keys
// that nobody knows. A value that stands there is replaced in its own quotes; a missing one is added to its block. What
// comes out is read again before it counts.
import type { Node, Pair, YAMLMap } from 'yaml';
import { isMap, isScalar, isSeq, parse, parseDocument } from 'yaml';
import { ConfigError } from './config-error.ts';
import { Section } from './section.ts';

export type YamlValue = string | number | boolean;

export interface YamlChange {
  /** The key within its blocks. */
  path: readonly string[];
  value: YamlValue;
  /** Left out when the key is not there, or empty. */
  onlyIfPresent?: boolean;
}

/** `file` is named in errors. @throws ConfigError when the text cannot be changed without touching more than these values */
export function editYaml(file: string, text: string, changes: readonly YamlChange[]): string {
  Section.parse(file, text);
  let edited = text;
  for (const { path, value, onlyIfPresent = false } of changes) {
    const stated = statedValue(file, edited, path, value);
    if (stated === String(value) || (stated === undefined && onlyIfPresent)) continue;
    edited = withValue(file, edited, path, value);
    if (statedValue(file, edited, path, value) !== String(value)) throw tooOdd(file, path);
  }
  return edited;
}

/** As text; undefined = absent or null. `like` says of what type it is: all words for true are the same truth. */
function statedValue(file: string, text: string, path: readonly string[], like: YamlValue): string | undefined {
  const leaf = path.at(-1) ?? '';
  const section = sectionAt(file, text, path.slice(0, -1));
  if (!section.has(leaf)) return undefined;
  return typeof like === 'boolean' ? String(section.boolean(leaf, false)) : section.text(leaf, '');
}

function sectionAt(file: string, text: string, path: readonly string[]): Section {
  return path.reduce((block, key) => block.section(key), Section.parse(file, text));
}

function withValue(file: string, text: string, path: readonly string[], value: YamlValue): string {
  const { contents } = parseDocument(text, { prettyErrors: false, logLevel: 'silent' });
  if (contents === null || (isScalar(contents) && contents.value === null)) {
    const start = text === '' || text.endsWith('\n') ? text : `${text}${lineEnd(text)}`;
    return start + blockLines(path, value, '', lineEnd(text));
  }
  let map = contents;
  for (const [depth, key] of path.entries()) {
    if (!isMap(map)) throw tooOdd(file, path);
    const pair = map.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
    const rest = path.slice(depth);
    if (!pair) {
      // A new block would hide all of one that is merged.
      if (rest.length > 1 && sectionAt(file, text, path.slice(0, depth)).has(key)) throw tooOdd(file, path);
      return inserted(file, text, map, rest, value);
    }
    const node = pair.value as Node | null;
    // What has an anchor is a part of other blocks too.
    if (isMap(node) && node.anchor !== undefined) throw tooOdd(file, path);
    if (rest.length === 1 || node === null || (isScalar(node) && node.value === null))
      return replaced(file, text, pair, rest.slice(1), value);
    map = node as typeof map;
  }
  throw tooOdd(file, path);
}

/** `below`: keys that the value, none so far, has to hold. */
function replaced(file: string, text: string, pair: Pair, below: readonly string[], value: YamlValue): string {
  const node = pair.value as Node | null;
  const [, keyEnd] = (pair.key as Node).range ?? [0, 0];
  const path = [String((pair.key as { value?: unknown }).value), ...below];
  // What has an anchor is a value of other keys too.
  if (isMap(node) || isSeq(node) || (isScalar(node) && node.anchor !== undefined)) throw tooOdd(file, path);
  const written = below.length === 0 ? scalarText(value, quotesOf(node)) : flowText(below, value);
  const [start, end] = node?.range ?? [keyEnd, keyEnd];
  if (node === null || start === end) {
    const colon = text.indexOf(':', keyEnd);
    if (colon === -1) throw tooOdd(file, path);
    return `${text.slice(0, colon + 1)} ${written}${text.slice(colon + 1)}`;
  }
  const isBlock = isScalar(node) && (node.type === 'BLOCK_LITERAL' || node.type === 'BLOCK_FOLDED');
  return text.slice(0, start) + written + (isBlock ? lineEnd(text) : '') + text.slice(end);
}

function inserted(file: string, text: string, map: YAMLMap, path: readonly string[], value: YamlValue): string {
  const last = map.items.at(-1);
  if (map.flow) {
    const [start, end] = map.range ?? [0, 0];
    const at = last ? endOf(last) : start + 1;
    const before = last ? ', ' : '';
    if (text[end - 1] !== '}') throw tooOdd(file, path);
    return text.slice(0, at) + before + flowPair(path, value) + text.slice(at);
  }
  const [keyStart = 0] = (last?.key as Node | undefined)?.range ?? [];
  const lineStart = text.lastIndexOf('\n', keyStart - 1) + 1;
  const indent = text.slice(lineStart, keyStart).replace('\uFEFF', '');
  if (!last || indent.trim() !== '') throw tooOdd(file, path);
  const end = endOf(last);
  // The text of a block scalar ends with its line.
  const newLine = text[end - 1] === '\n' ? end - 1 : text.indexOf('\n', end);
  const lines = blockLines(path, value, indent, lineEnd(text));
  if (newLine === -1) return `${text}${lineEnd(text)}${lines}`;
  return text.slice(0, newLine + 1) + lines + text.slice(newLine + 1);
}

/** Behind the last character that belongs to the pair; comments after it do not. */
function endOf(pair: Pair): number {
  const key = pair.key as Node;
  const value = pair.value as Node | null;
  const [, keyEnd = 0] = key.range ?? [];
  if (value === null) return keyEnd;
  if ((isMap(value) || isSeq(value)) && !value.flow) {
    const last = value.items.at(-1);
    if (last) return isMap(value) ? endOf(last as Pair) : endOfItem(last as Node);
  }
  return Math.max(keyEnd, value.range?.[1] ?? 0);
}

function endOfItem(item: Node): number {
  const last = isMap(item) && !item.flow ? item.items.at(-1) : undefined;
  return last ? endOf(last) : (item.range?.[1] ?? 0);
}

function blockLines(path: readonly string[], value: YamlValue, indent: string, end: string): string {
  return path
    .map((key, depth) => {
      const isLeaf = depth === path.length - 1;
      return `${indent}${'  '.repeat(depth)}${key}:${isLeaf ? ` ${scalarText(value)}` : ''}${end}`;
    })
    .join('');
}

function flowText(path: readonly string[], value: YamlValue): string {
  return `{${flowPair(path, value)}}`;
}

function flowPair([key = '', ...rest]: readonly string[], value: YamlValue): string {
  return `${key}: ${rest.length === 0 ? scalarText(value) : flowText(rest, value)}`;
}

type Quotes = 'single' | 'double' | undefined;

function quotesOf(node: Node | null): Quotes {
  if (!isScalar(node)) return undefined;
  return node.type === 'QUOTE_SINGLE' ? 'single' : node.type === 'QUOTE_DOUBLE' ? 'double' : undefined;
}

/** Fit for a flow map too, and the same for Wings, whose YAML has more words for true and false. */
function scalarText(value: YamlValue, quotes?: Quotes): string {
  if (typeof value !== 'string') return String(value);
  // Control characters have a form in double quotes only.
  if (quotes === 'single' && /^[\x20-\x7e]*$/.test(value)) return `'${value.replaceAll("'", "''")}'`;
  const isPlain = /^[A-Za-z/][\w./-]*$/.test(value) && parse(value, { version: '1.1' }) === value;
  return quotes === undefined && isPlain ? value : JSON.stringify(value);
}

function lineEnd(text: string): string {
  return text.includes('\r\n') ? '\r\n' : '\n';
}

function tooOdd(file: string, path: readonly string[]): ConfigError {
  return new ConfigError(
    `${file}: ${path.join('.')} cannot be changed in the form it has there; write it as a plain key and value.`,
  );
}
