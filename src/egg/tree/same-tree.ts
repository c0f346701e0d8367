// Whether two documents say the same. After an edit of the text, what it says is read again and compared with what was
// meant: a mistake in placing the edit leaves the file alone instead of damaging it.
import type { TreeNode } from './tree.ts';

/** The order of keys does not count. Shared nodes are compared once. */
export function sameTree<O>(left: TreeNode<O>, right: TreeNode<O>, seen: Set<TreeNode<O>> = new Set()): boolean {
  if (left.kind === 'scalar') return right.kind === 'scalar' && left.type === right.type && left.text === right.text;
  if (seen.has(left)) return left.kind === right.kind;
  seen.add(left);
  if (left.kind === 'list') {
    if (right.kind !== 'list' || left.items.length !== right.items.length) return false;
    return left.items.every(({ node }, index) => {
      const other = right.items[index]?.node;
      return other !== undefined && sameTree(node, other, seen);
    });
  }
  if (right.kind !== 'map' || left.byKey.size !== right.byKey.size || left.bases.length !== right.bases.length) {
    return false;
  }
  return [...left.byKey].every(([key, { node }]) => {
    const other = right.byKey.get(key)?.node;
    return other !== undefined && sameTree(node, other, seen);
  });
}
