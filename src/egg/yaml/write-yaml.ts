// Puts the changes of a YAML tree into the text it was read from: a value takes the place of a value, new keys follow the
// last one of their map. Comments, anchors, quotes and layout of the rest stay as they are.
import { lineEnd, type Splice, spliced } from '../splice.ts';
import { childrenOf, type Entry, isChanged, type MapNode, type Slot, type TreeNode } from '../tree/tree.ts';
import type { YamlFile, YamlOrigin } from './read-yaml.ts';
import { keyText, scalarText } from './scalar-text.ts';

/** Columns that a new level is indented by. */
const step = 2;

export function writeYaml(text: string, { root, empty }: YamlFile, lineBreak: string): string {
  if (empty) return appended(text, blockLines(root.node, 0), lineBreak);
  const writer = new YamlWriter(text, lineBreak);
  writer.slot(root, undefined);
  return spliced(text, writer.splices);
}

function appended(text: string, lines: readonly string[], lineBreak: string): string {
  const before = text === '' || text === '\ufeff' || text.endsWith('\n') ? text : text + lineBreak;
  return before + lines.map((line) => line + lineBreak).join('');
}

class YamlWriter {
  readonly splices: Splice[] = [];
  readonly #text: string;
  readonly #lineBreak: string;
  readonly #seen = new Set<TreeNode<YamlOrigin>>();

  constructor(text: string, lineBreak: string) {
    this.#text = text;
    this.#lineBreak = lineBreak;
  }

  /** `parent`: the map it is in, if it is in one. */
  slot(slot: Slot<YamlOrigin>, parent: MapNode<YamlOrigin> | undefined): void {
    if (slot.origin && isChanged(slot)) {
      this.#exchange(slot.node, slot.origin, parent);
      return;
    }
    const { node } = slot;
    if (this.#seen.has(node)) return;
    this.#seen.add(node);
    const map = node.kind === 'map' ? node : undefined;
    // The inner ones first: where two end with one line, what is added to the inner comes first.
    for (const child of childrenOf(node)) if (child.original) this.slot(child, map);
    if (map) this.#add(map);
  }

  #exchange(node: TreeNode<YamlOrigin>, origin: YamlOrigin, parent: MapNode<YamlOrigin> | undefined): void {
    const absent = origin.style === 'plain' && origin.start === origin.end;
    if (absent && node.kind !== 'scalar' && parent?.origin?.style === 'block-collection') {
      this.#insertLines(origin.end, blockLines(node, parent.origin.indent + step));
      return;
    }
    const { start, end } = this.#range(origin);
    const before = this.#text[start - 1];
    const after = this.#text[end];
    const text = node.kind === 'scalar' ? scalarText(node, origin.style) : flowText(node);
    // A list may begin in the column of its key, where a value may not.
    const alone = origin.style === 'block-collection' && start === origin.start ? '  ' : '';
    const gap = before === undefined || /[\s[{(\ufeff]/.test(before) ? alone : ' ';
    this.splices.push({ start, end, text: gap + text + (absent && after && !/[\s,\]}]/.test(after) ? ' ' : '') });
  }

  /** Without the line break that ends a block scalar; with the one between a key and its block collection. */
  #range({ start, end, style }: YamlOrigin): { start: number; end: number } {
    let last = end;
    while (style.startsWith('block') && last > start && /\s/.test(this.#text[last - 1] ?? '')) last -= 1;
    if (style !== 'block-collection') return { start, end: last };
    const [gap = ''] = /(?<=:)[ \t]*\r?\n[ \t]*$/.exec(this.#text.slice(Math.max(0, start - 256), start)) ?? [];
    return { start: start - gap.length, end: last };
  }

  #add(map: MapNode<YamlOrigin>): void {
    const added = map.entries.filter((entry) => !entry.original);
    const { origin } = map;
    if (added.length === 0 || !origin) return;
    if (origin.style === 'block-collection') {
      this.#insertLines(
        origin.end,
        added.flatMap((entry) => entryLines(entry, origin.indent)),
      );
      return;
    }
    const pairs = added.map((entry) => `${keyText(entry.key)}: ${flowText(entry.node)}`).join(', ');
    const last = map.entries.findLast(({ original }) => original)?.origin;
    if (last) this.splices.push({ start: last.end, end: last.end, text: `, ${pairs}` });
    else this.splices.push({ start: origin.start + 1, end: origin.start + 1, text: pairs });
  }

  /** Behind the line of `offset`. */
  #insertLines(offset: number, lines: readonly string[]): void {
    const at = lineEnd(this.#text, offset);
    const complete = at === 0 || this.#text[at - 1] === '\n';
    const text = complete
      ? lines.map((line) => line + this.#lineBreak).join('')
      : lines.map((line) => this.#lineBreak + line).join('');
    this.splices.push({ start: at, end: at, text });
  }
}

function blockLines(node: TreeNode<YamlOrigin>, indent: number): string[] {
  if (node.kind === 'map') return node.entries.flatMap((entry) => entryLines(entry, indent));
  if (node.kind === 'scalar') return [' '.repeat(indent) + scalarText(node)];
  return node.items.flatMap((item) => {
    const [first = '', ...rest] = blockLines(item.node, indent + step);
    return [`${' '.repeat(indent)}- ${first.slice(indent + step)}`, ...rest];
  });
}

function entryLines({ key, node }: Entry<YamlOrigin>, indent: number): string[] {
  const start = `${' '.repeat(indent)}${keyText(key)}:`;
  return node.kind === 'scalar' ? [`${start} ${scalarText(node)}`] : [start, ...blockLines(node, indent + step)];
}

function flowText(node: TreeNode<YamlOrigin>): string {
  if (node.kind === 'scalar') return scalarText(node);
  if (node.kind === 'list') return `[${node.items.map((item) => flowText(item.node)).join(', ')}]`;
  return `{${node.entries.map(({ key, node: value }) => `${keyText(key)}: ${flowText(value)}`).join(', ')}}`;
}
