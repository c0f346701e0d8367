// Where in a YAML document a field stands, so that a refusal names the line and not only the path. The lines are plain
// data: they are found where the text is parsed and looked up where the object is refused.
import { type Document, isAlias, isCollection, isMap, isScalar, type Node, type Pair } from 'yaml';

/** A field or an item. What an anchor names is shared by all who name it. */
export interface LineNode {
  /** From 1. Of a field: where its name stands. */
  line: number;
  inside?: { fields?: Map<string, LineNode>; items?: LineNode[] };
}

/** For a document that is known to be of sensible size and depth and to hold no alias of itself. */
export function linesOf(document: Document, lineAt: (offset: number | undefined) => number): LineNode {
  const known = new Map<Node, NonNullable<LineNode['inside']>>();
  const nodeOf = (value: unknown, line: number): LineNode => {
    const node = isAlias(value) ? value.resolve(document) : value;
    if (!isCollection(node)) return { line };
    const inside = known.get(node) ?? insideOf(node.items, isMap(node));
    known.set(node, inside);
    return { line, inside };
  };
  const insideOf = (items: readonly unknown[], named: boolean): NonNullable<LineNode['inside']> => {
    if (!named) return { items: items.map((item) => nodeOf(item, lineAt(startOf(item)))) };
    const fields = (items as Pair[]).map(({ key, value }): [string, LineNode] => [
      isScalar(key) ? String(key.value) : '',
      nodeOf(value, lineAt(startOf(key))),
    ]);
    return { fields: new Map(fields) };
  };
  return nodeOf(document.contents, lineAt(startOf(document.contents)));
}

/**
 * The line of the field a path names, in the spelling of admission: `spec.mounts[2].target`,
 * `metadata.labels[example.com/game]`. For a field that is not there: of the innermost one around it that is.
 */
export function lineOf(root: LineNode, path: string): number {
  let node = root;
  let rest = path;
  while (rest !== '') {
    const next = stepInto(node, rest);
    if (!next) break;
    rest = next.rest.replace(/^\./, '');
    node = next.node;
  }
  return node.line;
}

function stepInto({ inside }: LineNode, path: string): { node: LineNode; rest: string } | undefined {
  if (inside?.items) {
    const [bracket, index] = /^\[(\d+)\]/.exec(path) ?? [];
    const node = index === undefined ? undefined : inside.items[Number(index)];
    return bracket && node ? { node, rest: path.slice(bracket.length) } : undefined;
  }
  // A key may hold dots itself, so the keys are compared with the path, and the longest that fits is meant.
  let best: { node: LineNode; length: number } | undefined;
  for (const [key, node] of inside?.fields ?? []) {
    const length = lengthOfStep(key, path);
    if (length > (best?.length ?? 0)) best = { node, length };
  }
  return best && { node: best.node, rest: path.slice(best.length) };
}

/** How much of the path the key takes up; 0 = it is another one's. */
function lengthOfStep(key: string, path: string): number {
  if (path.startsWith(`[${key}]`)) return key.length + 2;
  const end = path[key.length];
  return key !== '' && path.startsWith(key) && (end === undefined || end === '.' || end === '[') ? key.length : 0;
}

export function startOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0];
}
