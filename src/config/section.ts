// Typed reading of a YAML file of one document. Values are taken from the syntax tree by the keys that are asked for, so
// nothing an author writes is expanded or run; each complaint names file, line and key.

import type { Document, Node, Pair, Scalar, YAMLMap } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import { ConfigError } from './config-error.ts';
import { Anchors, pairsOf } from './merge-keys.ts';

/** Members of one list or map. */
const maxMembers = 1_024;

const maxTextLength = 4_096;

/** YAML 1.1 has these beside true and false. */
const truths = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['y', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['n', false],
]);

interface Source {
  file: string;
  anchors: Anchors;
  lines: LineCounter;
}

/** A block of settings. A key that is absent or null has its default, a missing block is an empty one. */
export class Section {
  readonly #source: Source;
  readonly #map: YAMLMap | undefined;
  readonly #path: string;
  #read: Pair[] | undefined;

  private constructor(source: Source, map: YAMLMap | undefined, path: string) {
    this.#source = source;
    this.#map = map;
    this.#path = path;
  }

  /** @throws ConfigError for what is not one YAML map */
  static parse(file: string, text: string): Section {
    const lines = new LineCounter();
    const document = parsed(file, text, lines);
    const [error] = document.errors;
    if (error?.code === 'MULTIPLE_DOCS') {
      throw new ConfigError(
        `${file}, line ${lines.linePos(error.pos[0]).line}: a second document begins here, and only the first one counts; make one of them.`,
      );
    }
    if (error) {
      throw new ConfigError(
        `${file}, line ${lines.linePos(error.pos[0]).line}: this is not valid YAML (${error.message}).`,
        { cause: error },
      );
    }
    const source = { file, anchors: new Anchors(document), lines };
    const root = document.contents;
    if (root === null || (isScalar(root) && root.value === null)) return new Section(source, undefined, '');
    if (!isMap(root)) throw new ConfigError(`${file}, line 1: the settings must be a map of keys and values.`);
    return new Section(source, root, '');
  }

  has(key: string): boolean {
    return this.#node(key) !== undefined;
  }

  keys(): string[] {
    return this.#pairs().map(({ key }) => key);
  }

  section(key: string): Section {
    const node = this.#node(key);
    if (node !== undefined && !isMap(node)) throw this.#wrong(key, node, 'a block of keys and values');
    return new Section(this.#source, node, this.#pathOf(key));
  }

  isSection(key: string): boolean {
    return isMap(this.#node(key));
  }

  /** A number or truth value counts as the text it was written as. */
  text(key: string, fallback: string): string {
    const node = this.#node(key);
    return node === undefined ? fallback : this.#textOf(key, node);
  }

  boolean(key: string, fallback: boolean): boolean {
    const node = this.#node(key);
    if (node === undefined) return fallback;
    const value = truths.get(this.#textOf(key, node).toLowerCase());
    if (value === undefined) throw this.#wrong(key, node, 'true or false');
    return value;
  }

  /** Also when it is written as text. Both bounds belong to the range. */
  integer(key: string, fallback: number, least: number, most: number): number {
    const node = this.#node(key);
    if (node === undefined) return fallback;
    const value = numberOf(this.#scalar(node), this.#textOf(key, node));
    if (!Number.isInteger(value) || value < least || value > most) {
      throw this.#wrong(key, node, `a whole number from ${least} to ${most}`);
    }
    return value;
  }

  /** A number above 0. */
  factor(key: string, fallback: number): number {
    const node = this.#node(key);
    if (node === undefined) return fallback;
    const value = numberOf(this.#scalar(node), this.#textOf(key, node));
    if (!Number.isFinite(value) || value <= 0 || value > 1_000)
      throw this.#wrong(key, node, 'a number above 0, up to 1000');
    return value;
  }

  texts(key: string, fallback: string[]): string[] {
    const node = this.#node(key);
    if (node === undefined) return fallback;
    if (!isSeq(node)) throw this.#wrong(key, node, 'a list of texts');
    if (node.items.length > maxMembers) throw this.#wrong(key, node, `a list of at most ${maxMembers}`);
    return node.items.map((item) => {
      const member = this.#resolved(item as Node);
      // Wings takes it for an empty text, which allows everything in some lists.
      if (isScalar(member) && (member.value === null || member.value === ''))
        throw this.#wrong(key, item as Node, 'a list of texts, none of them empty');
      return this.#textOf(key, member);
    });
  }

  /** The complaint about a value that has the right type and is wrong all the same. `expected` ends "must be …". */
  wrong(key: string, expected: string): ConfigError {
    return this.#wrong(key, this.#node(key), expected);
  }

  /** The same for a value that no message may show. */
  wrongSecret(key: string, expected: string): ConfigError {
    return new ConfigError(`${this.#at(this.#node(key))}: ${this.#pathOf(key)} must be ${expected}.`);
  }

  unknown(key: string, known: readonly string[]): ConfigError {
    return new ConfigError(
      `${this.placeOf(key)}: the key ${this.#pathOf(key)} is not known; known here are ${known.join(', ')}.`,
    );
  }

  /** The complaint about a key that nobody knows but that looks much like one. */
  misspelt(key: string, right: string): ConfigError {
    return new ConfigError(
      `${this.placeOf(key)}: the key ${this.#pathOf(key)} is not known; ${this.#pathOf(right)} is meant, it seems. Correct or remove it.`,
    );
  }

  /** File and line. */
  placeOf(key: string): string {
    return this.#at(this.#pairs().find((pair) => pair.key === key)?.keyNode);
  }

  #node(key: string): Node | undefined {
    const pair = this.#items().find((item) => isScalar(item.key) && keyText(item.key) === key);
    const node = pair?.value ? this.#resolved(pair.value as Node) : undefined;
    return node === undefined || (isScalar(node) && node.value === null) ? undefined : node;
  }

  /** Those of merged blocks too. */
  #items(): Pair[] {
    const wrong = (node: Node) =>
      new ConfigError(`${this.#at(node)}: ${this.#pathOf('<<')} must be a block or a list of blocks.`);
    this.#read ??= this.#map === undefined ? [] : pairsOf(this.#map, this.#source.anchors, wrong);
    return this.#read;
  }

  #pairs(): { key: string; keyNode: Scalar }[] {
    const where = this.#path || 'the file';
    const items = this.#items();
    if (items.length > maxMembers) {
      throw new ConfigError(`${this.#at(this.#map)}: ${where} has more than ${maxMembers} keys.`);
    }
    return items.map(({ key }) => {
      if (isScalar(key)) return { key: keyText(key), keyNode: key };
      throw new ConfigError(`${this.#at(this.#map)}: ${where} has a key that is not a plain word.`);
    });
  }

  #textOf(key: string, node: Node): string {
    const scalar = this.#scalar(node);
    if (!scalar) throw this.#wrong(key, node, 'one value, not a block or a list');
    const text = typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value));
    if (text.length > maxTextLength || text.includes('\0')) {
      throw this.#wrong(key, undefined, `at most ${maxTextLength} characters, without NUL`);
    }
    return text;
  }

  #scalar(node: Node): Scalar | undefined {
    return isScalar(node) ? node : undefined;
  }

  #resolved(node: Node): Node {
    if (!isAlias(node)) return node;
    const target = this.#source.anchors.resolved(node);
    if (!target) throw new ConfigError(`${this.#at(node)}: the alias *${node.source} stands for nothing.`);
    return target;
  }

  #wrong(key: string, node: Node | undefined, expected: string): ConfigError {
    const shown =
      isScalar(node) && !secretKeys.test(key)
        ? `, not ${JSON.stringify(node.source ?? String(node.value)).slice(0, 80)}`
        : '';
    return new ConfigError(`${this.#at(node)}: ${this.#pathOf(key)} must be ${expected}${shown}.`);
  }

  #at(node: Node | undefined): string {
    const offset = node?.range?.[0];
    return offset === undefined
      ? this.#source.file
      : `${this.#source.file}, line ${this.#source.lines.linePos(offset).line}`;
  }

  #pathOf(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }
}

/** Values that no message shows. */
const secretKeys = /token|password|secret/i;

function parsed(file: string, text: string, lines: LineCounter): Document.Parsed {
  try {
    // Pretty errors quote the text around them, which may be the token. A silent parser says nothing of more documents.
    return parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  } catch (error) {
    // Nesting beyond the stack; nothing else is thrown.
    throw new ConfigError(`${file}: this is not YAML that can be read (${(error as Error).message}).`, {
      cause: error,
    });
  }
}

function keyText(key: Scalar): string {
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value));
}

function numberOf(scalar: Scalar | undefined, text: string): number {
  if (typeof scalar?.value === 'number') return scalar.value;
  return /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
}
