// Follows merge keys (`<<`) and aliases of a YAML document as the YAML of Wings does: a key of the block itself wins, then
// the first merged block that states it. Each block is looked at once, whatever refers to it, and so is the document.
import type { Alias, Document, Node, Pair } from 'yaml';
import { isAlias, isMap, isScalar, isSeq, visit, type YAMLMap } from 'yaml';

/** What the aliases of a document stand for. */
export class Anchors {
  readonly #document: Document;
  #nodes: Map<string, Node[]> | undefined;

  constructor(document: Document) {
    this.#document = document;
  }

  /** The last node before the alias that has its name. */
  resolved({ source, range }: Alias): Node | undefined {
    this.#nodes ??= anchored(this.#document);
    return this.#nodes.get(source)?.findLast((node) => startOf(node) < (range?.[0] ?? 0));
  }
}

function anchored(document: Document): Map<string, Node[]> {
  const nodes = new Map<string, Node[]>();
  visit(document, {
    Value(_, node) {
      if (node.anchor === undefined) return;
      const same = nodes.get(node.anchor);
      if (same) same.push(node);
      else nodes.set(node.anchor, [node]);
    },
  });
  return nodes;
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

/** Of the block, then of what it merges; each key once. `wrong` is thrown for what is merged and no block. */
export function pairsOf(map: YAMLMap, anchors: Anchors, wrong: (node: Node) => Error): Pair[] {
  if (!map.items.some(isMerge)) return map.items;
  const pairs = new Map<unknown, Pair>();
  const seen = new Set<YAMLMap>();
  const waiting = [map];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    for (const pair of next.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : pair.key;
      if (!isMerge(pair) && !pairs.has(key)) pairs.set(key, pair);
    }
    const merge = next.items.find(isMerge); // the parser lets no key be twice
    if (merge) waiting.push(...mergedBy(merge, anchors, wrong).reverse());
  }
  return [...pairs.values()];
}

/** Quotes make a key like any other of it. */
function isMerge({ key }: Pair): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

function mergedBy({ key, value }: Pair, anchors: Anchors, wrong: (node: Node) => Error): YAMLMap[] {
  const target = (node: Node | null) => (isAlias(node) ? anchors.resolved(node) : node);
  const merged = target(value as Node | null);
  return (isSeq(merged) ? merged.items : [merged]).map((item) => {
    const block = target(item as Node | null);
    if (isMap(block)) return block;
    throw wrong(key as Node);
  });
}
