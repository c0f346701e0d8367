// Reads the first document of a YAML file into a tree whose nodes know where they stand. Types are told by the writer's
// spelling (YAML 1.2: `yes` and `on` are strings), not by the library, which would round numbers.
import {
  type Alias,
  Composer,
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Pair,
  Parser,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { EggFileError } from '../config-file.ts';
import {
  addEntry,
  listNode,
  type MapNode,
  mapNode,
  readSlot,
  type ScalarType,
  type Slot,
  scalarNode,
  type TreeNode,
} from '../tree/tree.ts';

const maxDepth = 64;
const maxAliases = 100;

/** Of a place and of the value in it. */
export interface YamlOrigin {
  start: number;
  /** Behind the value itself, for collections behind the last value in it. A block scalar ends with its line break. */
  end: number;
  style: 'plain' | 'single' | 'double' | 'block' | 'block-collection' | 'flow-collection' | 'alias';
  /** Between `{` or `[` and its end. */
  inFlow: boolean;
  /** Columns before the keys of a block map. */
  indent: number;
  /** An anchor that others refer to, or a tag: the value cannot be exchanged alone. */
  bound: boolean;
}

export interface YamlFile {
  root: Slot<YamlOrigin>;
  /** There is nothing but comments, or `---`. */
  empty: boolean;
}

/** @throws EggFileError */
export function readYaml(text: string): YamlFile {
  const document = firstDocument(text);
  const problem = document?.errors[0];
  if (problem) throw new EggFileError(`the file is not YAML (${problem.code}, character ${problem.pos[0]})`);
  const contents: unknown = document?.contents;
  if (!document || !isNode(contents) || (isScalar(contents) && contents.source === '')) {
    return { root: readSlot(scalarNode<YamlOrigin>('null', '')), empty: true };
  }
  const root = new TreeBuilder(document).slot(contents, false, -1, 0);
  if (root.node.kind === 'list' || (root.node.kind === 'scalar' && root.node.type !== 'null')) {
    throw new EggFileError('the file holds no mapping');
  }
  return { root, empty: false };
}

/** The others are not looked at: they may be anything. */
function firstDocument(text: string): Document | undefined {
  // Without a schema every scalar is a string; its spelling is in `source`.
  const composer = new Composer({
    keepSourceTokens: true,
    schema: 'failsafe',
    logLevel: 'silent',
    // The library compares each key with each other one.
    uniqueKeys: false,
  });
  for (const document of composer.compose(new Parser().parse(text))) return document;
  return undefined;
}

class TreeBuilder {
  /** By anchor, as far as the document has been read: an alias means the nearest before it. */
  readonly #anchored = new Map<string, TreeNode<YamlOrigin>>();
  readonly #referred = new Set<string>();

  constructor(document: Document) {
    let aliases = 0;
    visit(document, {
      Alias: (_, { source }) => {
        aliases += 1;
        this.#referred.add(source);
        if (aliases > maxAliases) throw new EggFileError(`the file has more than ${maxAliases} aliases`);
      },
    });
  }

  slot(value: unknown, inFlow: boolean, fallback: number, depth: number): Slot<YamlOrigin> {
    if (depth > maxDepth) throw new EggFileError(`YAML is nested deeper than ${maxDepth} levels`);
    if (isAlias(value)) {
      const target = this.#anchored.get(value.source);
      if (!target) throw new EggFileError('the file has an alias without an anchor');
      return readSlot(target, originOf(value, inFlow, fallback, false));
    }
    if (!isScalar(value) && !isMap(value) && !isSeq(value)) {
      const origin = { start: fallback, end: fallback, style: 'plain', inFlow, indent: 0, bound: true } as const;
      return readSlot(scalarNode('null', '', origin), origin);
    }
    const bound = (value.anchor !== undefined && this.#referred.has(value.anchor)) || isTyped(value);
    const origin = originOf(value, inFlow, fallback, bound);
    const node = this.#node(value, origin, depth);
    if (value.anchor !== undefined) this.#anchored.set(value.anchor, node);
    return readSlot(node, origin);
  }

  #node(value: Scalar | YAMLMap | YAMLSeq, origin: YamlOrigin, depth: number): TreeNode<YamlOrigin> {
    if (isScalar(value)) return scalarNode(typeOf(value), textOf(value), origin);
    const inFlow = value.flow === true;
    if (isSeq(value)) {
      const list = listNode(origin);
      for (const item of value.items) list.items.push(this.#item(item, inFlow, origin, depth));
      return list;
    }
    const map = mapNode(origin);
    for (const pair of value.items) this.#addPair(map, pair, inFlow, depth);
    return map;
  }

  /** In a flow list, `a: 1` is a map of its own. */
  #item(item: unknown, inFlow: boolean, origin: YamlOrigin, depth: number): Slot<YamlOrigin> {
    if (isPair(item)) throw new EggFileError('a list holds pairs without braces');
    return this.slot(item, inFlow, origin.start, depth + 1);
  }

  #addPair(map: MapNode<YamlOrigin>, pair: Pair, inFlow: boolean, depth: number): void {
    const key = isScalar(pair.key) ? pair.key : undefined;
    const slot = this.slot(pair.value, inFlow, key?.range?.[1] ?? 0, depth + 1);
    // A key that is a list, an object or an alias cannot be named by a path.
    if (!key) return;
    if (key.source === '<<' && key.type === 'PLAIN') map.bases.push(...basesIn(slot.node));
    else if (map.byKey.has(textOf(key))) throw new EggFileError('the file has a key twice');
    else addEntry(map, textOf(key), slot);
  }
}

function basesIn(node: TreeNode<YamlOrigin>): MapNode<YamlOrigin>[] {
  if (node.kind === 'map') return [node];
  return node.kind === 'list' ? node.items.flatMap((item) => (item.node.kind === 'map' ? [item.node] : [])) : [];
}

function originOf(
  value: Alias | Scalar | YAMLMap | YAMLSeq,
  inFlow: boolean,
  fallback: number,
  bound: boolean,
): YamlOrigin {
  const [start, end] = value.range ?? [fallback, fallback];
  return { start, end: contentEnd(value, end), style: styleOf(value), inFlow, indent: indentOf(value), bound };
}

/** The library counts comments behind a block collection as part of it. */
function contentEnd(value: unknown, end: number): number {
  if (!isMap(value) && !isSeq(value)) return isNode(value) ? (value.range?.[1] ?? end) : end;
  if (value.flow) return value.range?.[1] ?? end;
  const last: unknown = value.items.at(-1);
  if (!isPair(last)) return contentEnd(last, end);
  return isNode(last.value) ? contentEnd(last.value, end) : contentEnd(last.key, end);
}

function styleOf(value: Alias | Scalar | YAMLMap | YAMLSeq): YamlOrigin['style'] {
  if (isAlias(value)) return 'alias';
  if (!isScalar(value)) return value.flow ? 'flow-collection' : 'block-collection';
  switch (value.type) {
    case 'QUOTE_SINGLE':
      return 'single';
    case 'QUOTE_DOUBLE':
      return 'double';
    case 'BLOCK_FOLDED':
    case 'BLOCK_LITERAL':
      return 'block';
    default:
      return 'plain';
  }
}

function indentOf(value: Alias | Scalar | YAMLMap | YAMLSeq): number {
  const token = isMap(value) ? value.srcToken : undefined;
  return token?.type === 'block-map' ? token.indent : 0;
}

/** By a tag. `!!str` says of a string what it is. */
function isTyped(value: Scalar | YAMLMap | YAMLSeq): boolean {
  if (value.tag === undefined) return false;
  return !(isScalar(value) && value.tag === 'tag:yaml.org,2002:str' && value.type !== 'PLAIN');
}

const integer = /^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$/;
const float = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const notFinite = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

function typeOf(scalar: Scalar): ScalarType {
  if (scalar.type !== 'PLAIN' || scalar.tag !== undefined) return 'string';
  const source = scalar.source ?? '';
  if (/^(?:~|null|Null|NULL|)$/.test(source)) return 'null';
  if (/^(?:true|True|TRUE|false|False|FALSE)$/.test(source)) return 'bool';
  return integer.test(source) || float.test(source) || notFinite.test(source) ? 'number' : 'string';
}

function textOf(scalar: Scalar): string {
  const text = String(scalar.value ?? '');
  switch (typeOf(scalar)) {
    case 'null':
      return '';
    case 'bool':
      return text.toLowerCase();
    default:
      return text;
  }
}
