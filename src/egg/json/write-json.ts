// A JSON tree as text: two spaces a level, a line break at the end, order kept; what was read is written as it stood.
import type { Slot, TreeNode } from '../tree/tree.ts';
import type { JsonOrigin } from './read-json.ts';

export function writeJson(root: Slot<JsonOrigin>, lineBreak: string): string {
  const parts: string[] = [];
  write(root.node, lineBreak, parts);
  parts.push(lineBreak);
  return parts.join('');
}

/** `lineBreak` carries the indentation of the level. */
function write(node: TreeNode<JsonOrigin>, lineBreak: string, parts: string[]): void {
  if (node.kind === 'scalar') {
    parts.push(node.origin ?? (node.type === 'string' ? JSON.stringify(node.text) : node.text));
    return;
  }
  const [open, close] = node.kind === 'map' ? ['{', '}'] : ['[', ']'];
  const children = node.kind === 'map' ? node.entries : node.items;
  if (children.length === 0) {
    parts.push(open, close);
    return;
  }
  const inner = `${lineBreak}  `;
  parts.push(open);
  for (const [index, child] of children.entries()) {
    parts.push(index === 0 ? inner : `,${inner}`);
    if ('key' in child) parts.push(child.origin ?? JSON.stringify(child.key), ': ');
    write(child.node, inner, parts);
  }
  parts.push(lineBreak, close);
}
