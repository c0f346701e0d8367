// What a condition is compared with: the text of a value, JSON for what is made of several.
import { EggFileError } from '../config-file.ts';
import type { TreeNode } from './tree.ts';

/** Shared YAML nodes can say very much in few bytes. */
const maxLength = 1_048_576;

/** @throws EggFileError for more than 1 MiB */
export function textForm<O>(node: TreeNode<O>): string {
  if (node.kind === 'scalar') return node.text;
  const parts: string[] = [];
  let length = 0;
  const put = (part: string) => {
    length += part.length;
    if (length > maxLength) throw new EggFileError('a value that a condition looks at is too large');
    parts.push(part);
  };
  putJson(node, put);
  return parts.join('');
}

function putJson<O>(node: TreeNode<O>, put: (part: string) => void): void {
  if (node.kind === 'scalar') {
    if (node.type === 'null') put('null');
    else put(node.type === 'number' || node.type === 'bool' ? node.text : JSON.stringify(node.text));
    return;
  }
  put(node.kind === 'map' ? '{' : '[');
  let first = true;
  for (const child of node.kind === 'map' ? node.byKey.values() : node.items) {
    if (!first) put(',');
    first = false;
    if ('key' in child && typeof child.key === 'string') put(`${JSON.stringify(child.key)}:`);
    putJson(child.node, put);
  }
  put(node.kind === 'map' ? '}' : ']');
}
