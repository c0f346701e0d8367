// A JSON, YAML or TOML document as places that hold values. An edit puts another value into a place or adds a place; what
// was read stays reachable, so the writer of each format changes only the text of what differs. Keys live in a Map and
// are never properties of an object: `__proto__` is a key like any other.

export type ScalarType = 'string' | 'number' | 'bool' | 'null' | 'date';

/** `O`: where it stood in the text, as the format has it; `undefined` for what an edit made. */
export type TreeNode<O> = ScalarNode<O> | MapNode<O> | ListNode<O>;

export interface ScalarNode<O> {
  kind: 'scalar';
  type: ScalarType;
  /** A string's characters, a number's literal, `true`, `false`; nothing for null. */
  text: string;
  origin: O | undefined;
}

export interface MapNode<O> {
  kind: 'map';
  /** In the order of the text. A key may occur twice in JSON. */
  entries: Entry<O>[];
  /** The last of each key. */
  byKey: Map<string, Entry<O>>;
  /** Maps whose entries count where this one has none: YAML's `<<`. */
  bases: MapNode<O>[];
  origin: O | undefined;
}

export interface ListNode<O> {
  kind: 'list';
  items: Slot<O>[];
  origin: O | undefined;
}

/** A place for a value. It was changed if `node` is not `original`, and is new without one. */
export interface Slot<O> {
  node: TreeNode<O>;
  readonly original: TreeNode<O> | undefined;
  readonly origin: O | undefined;
}

export interface Entry<O> extends Slot<O> {
  readonly key: string;
}

export function scalarNode<O>(type: ScalarType, text: string, origin?: O): ScalarNode<O> {
  return { kind: 'scalar', type, text, origin };
}

export function mapNode<O>(origin?: O): MapNode<O> {
  return { kind: 'map', entries: [], byKey: new Map(), bases: [], origin };
}

export function listNode<O>(origin?: O): ListNode<O> {
  return { kind: 'list', items: [], origin };
}

export function readSlot<O>(node: TreeNode<O>, origin?: O): Slot<O> {
  return { node, original: node, origin };
}

export function newSlot<O>(node: TreeNode<O>): Slot<O> {
  return { node, original: undefined, origin: undefined };
}

export function addEntry<O>(map: MapNode<O>, key: string, slot: Slot<O>): Entry<O> {
  const entry: Entry<O> = { key, node: slot.node, original: slot.original, origin: slot.origin };
  map.entries.push(entry);
  map.byKey.set(key, entry);
  return entry;
}

export function isChanged<O>(slot: Slot<O>): boolean {
  return slot.node !== slot.original;
}

/** Anywhere below. Nodes may be shared, so each is looked at once. */
export function hasChanges<O>(slot: Slot<O>, seen: Set<TreeNode<O>> = new Set()): boolean {
  if (isChanged(slot)) return true;
  if (seen.has(slot.node)) return false;
  seen.add(slot.node);
  return childrenOf(slot.node).some((child) => hasChanges(child, seen));
}

export function childrenOf<O>(node: TreeNode<O>): readonly Slot<O>[] {
  if (node.kind === 'map') return node.entries;
  return node.kind === 'list' ? node.items : [];
}
