// Carries replacements out on a document, one after another, each on what the ones before have left. A path that cannot
// be followed costs its own replacement, never the file.
import { type Condition, conditionOf } from '../condition.ts';
import { type EggContext, EggFileError } from '../config-file.ts';
import type { Edit, Notes } from '../edit.ts';
import { typedValue } from '../typing.ts';
import { listIndex, parsePath, type Segment } from './path.ts';
import { textForm } from './text-form.ts';
import {
  addEntry,
  childrenOf,
  listNode,
  type MapNode,
  mapNode,
  newSlot,
  type Slot,
  scalarNode,
  type TreeNode,
} from './tree.ts';

export interface TreeOptions<O> {
  flavour: EggContext['flavour'];
  notes: Notes;
  /** Why another value cannot be put here in this format; `undefined`: it can. */
  refuseReplacing?(slot: Slot<O>): string | undefined;
  /** Why nothing can be added to this object. */
  refuseAdding?(map: MapNode<O>): string | undefined;
  /** Whether a text can take the place of a date. */
  isDate?(text: string): boolean;
}

/** Places looked at in one file; wildcards on shared YAML nodes multiply. */
const maxPlaces = 200_000;

export function editTree<O>(root: Slot<O>, edits: readonly Edit[], options: TreeOptions<O>): void {
  const budget = { places: maxPlaces };
  for (const edit of edits) {
    const path = parsePath(edit.match);
    const condition = conditionOf(edit);
    if (!path) options.notes.skipped(edit.match, 'it is not a path');
    else if (!condition) options.notes.skipped(edit.match, 'if_value is not an RE2 expression');
    else new TreeEdit(edit, path, condition, options, budget).descend(root, 0);
  }
}

class TreeEdit<O> {
  readonly #edit: Edit;
  readonly #path: readonly Segment[];
  readonly #condition: Condition;
  readonly #options: TreeOptions<O>;
  readonly #budget: { places: number };

  constructor(
    edit: Edit,
    path: readonly Segment[],
    condition: Condition,
    options: TreeOptions<O>,
    budget: { places: number },
  ) {
    this.#edit = edit;
    this.#path = path;
    this.#condition = condition;
    this.#options = options;
    this.#budget = budget;
  }

  /** `depth`: how many parts of the path lie behind. */
  descend(slot: Slot<O>, depth: number): void {
    this.#budget.places -= 1;
    if (this.#budget.places < 0) throw new EggFileError('the paths lead to too many places');
    const { node } = slot;
    const segment = this.#path[depth];
    if (!segment) this.#replace(slot, node);
    else if (segment.kind === 'all') this.#descendAll(node, depth);
    else if (node.kind === 'list') this.#descendList(node.items, segment, depth);
    else if (node.kind === 'map') this.#descendMap(node, segment, depth);
    else if (node.type !== 'null') this.#skip('a plain value stands on the way');
    else this.#fill(slot, depth);
  }

  #descendAll(node: TreeNode<O>, depth: number): void {
    const last = depth + 1 === this.#path.length;
    // A copy: an entry may be added to the very map that is walked, by way of a YAML alias.
    for (const child of [...childrenOf(node)]) {
      if (last || child.node.kind !== 'scalar') this.descend(child, depth + 1);
    }
  }

  #descendList(items: readonly Slot<O>[], segment: Exclude<Segment, { kind: 'all' }>, depth: number): void {
    const index = segment.kind === 'index' ? segment.index : listIndex(segment.key);
    const item = index === undefined ? undefined : items[index];
    if (item) this.descend(item, depth + 1);
    else this.#skip(index === undefined ? 'a list stands where an object should be' : 'the list has no such element');
  }

  #descendMap(map: MapNode<O>, segment: Exclude<Segment, { kind: 'all' }>, depth: number): void {
    const child = segment.kind === 'key' ? map.byKey.get(segment.key) : undefined;
    if (segment.kind === 'index') this.#skip('an object stands where a list should be');
    else if (child) this.descend(child, depth + 1);
    else this.#addChild(map, segment.key, depth + 1);
  }

  #addChild(map: MapNode<O>, key: string, depth: number): void {
    const inherited = inheritedEntry(map, key);
    if (!inherited) this.#add(map, key, this.#made(depth));
    else if (depth < this.#path.length) this.#skip('it belongs to an object that others share');
    else this.#add(map, key, this.#valueFor(inherited.node));
  }

  #replace(slot: Slot<O>, existing: TreeNode<O>): void {
    const value = this.#valueFor(existing);
    if (!value) return;
    const refusal = this.#options.refuseReplacing?.(slot);
    if (refusal !== undefined) this.#skip(refusal);
    else slot.node = value;
  }

  /** What lies ahead is made where nothing stands. */
  #fill(slot: Slot<O>, depth: number): void {
    const made = this.#made(depth);
    if (!made) return;
    const refusal = this.#options.refuseReplacing?.(slot);
    if (refusal !== undefined) this.#skip(refusal);
    else slot.node = made;
  }

  #add(map: MapNode<O>, key: string, node: TreeNode<O> | undefined): void {
    if (!node) return;
    const refusal = this.#options.refuseAdding?.(map);
    if (refusal !== undefined) this.#skip(refusal);
    else addEntry(map, key, newSlot(node));
  }

  /** The rest of the path with the new value at its end. A condition is about what exists, so with one nothing is made. */
  #made(depth: number): TreeNode<O> | undefined {
    const ahead = this.#path.slice(depth);
    if (this.#edit.ifValue !== undefined || ahead.some(({ kind }) => kind === 'all')) return undefined;
    if (ahead.some((segment) => segment.kind === 'index' && segment.index !== 0)) {
      this.#skip('a list that is made has one element');
      return undefined;
    }
    const { type, text } = typedValue(this.#edit.value, 'missing', this.#options.flavour);
    return ahead.reduceRight<TreeNode<O>>(
      (inner, segment) => {
        if (segment.kind === 'key') {
          const map = mapNode<O>();
          addEntry(map, segment.key, newSlot(inner));
          return map;
        }
        const list = listNode<O>();
        list.items.push(newSlot(inner));
        return list;
      },
      scalarNode(type, text),
    );
  }

  /** `undefined`: it stays as it is. */
  #valueFor(existing: TreeNode<O>): TreeNode<O> | undefined {
    const value = this.#edit.ifValue === undefined ? this.#edit.value : this.#condition(textForm(existing));
    if (!value) return undefined;
    const kind = existing.kind === 'scalar' ? existing.type : 'collection';
    const { type: plainType, text } = typedValue(value, kind, this.#options.flavour);
    const type = kind === 'date' && this.#options.isDate?.(text) ? 'date' : plainType;
    const same = existing.kind === 'scalar' && existing.type === type && existing.text === text;
    return same ? undefined : scalarNode(type, text);
  }

  #skip(reason: string): void {
    this.#options.notes.skipped(this.#edit.match, reason);
  }
}

/** The nearest; bases may share bases. */
function inheritedEntry<O>(map: MapNode<O>, key: string, seen: Set<MapNode<O>> = new Set()): Slot<O> | undefined {
  for (const base of map.bases) {
    if (seen.has(base)) continue;
    seen.add(base);
    const found = base.byKey.get(key) ?? inheritedEntry(base, key, seen);
    if (found) return found;
  }
  return undefined;
}
