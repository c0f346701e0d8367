// An XML document as text: two spaces a level, every comment and element on a line of its own. Elements that hold text,
// and those that ask for it, are written as they stand, white space included; so is every start tag that was not changed.
import { escapedAttribute, isBlankText, type XmlElement, type XmlNode } from './xml-tree.ts';

export function writeXml(top: readonly XmlNode[], lineBreak: string): string {
  const parts: string[] = [];
  for (const node of top) {
    if (node.kind === 'text') continue;
    write(node, lineBreak, parts);
    parts.push(lineBreak);
  }
  return parts.join('');
}

/** `lineBreak` carries the indentation of the level; without one nothing is laid out. */
function write(node: XmlNode, lineBreak: string | undefined, parts: string[]): void {
  if (node.kind !== 'element') {
    parts.push(node.raw);
    return;
  }
  if (node.children.length === 0 && node.selfClosing) {
    parts.push(node.startTag ?? startTag(node, true));
    return;
  }
  parts.push(node.startTag && !node.selfClosing ? node.startTag : startTag(node, false));
  const inner = lineBreak !== undefined && isLaidOut(node) ? `${lineBreak}  ` : undefined;
  for (const child of node.children) {
    if (inner !== undefined && child.kind === 'text') continue;
    if (inner !== undefined) parts.push(inner);
    write(child, inner, parts);
  }
  if (inner !== undefined && lineBreak !== undefined) parts.push(lineBreak);
  parts.push(`</${node.name}>`);
}

function isLaidOut({ attributes, children }: XmlElement): boolean {
  if (attributes.some(({ name, value }) => name === 'xml:space' && value === 'preserve')) return false;
  const hasNodes = children.some(({ kind }) => kind !== 'text');
  return hasNodes && children.every((child) => child.kind !== 'text' || isBlankText(child));
}

function startTag({ name, attributes }: XmlElement, closed: boolean): string {
  const list = attributes.map((attribute) => ` ${attribute.name}="${escapedAttribute(attribute.value)}"`).join('');
  return `<${name}${list}${closed ? '/>' : '>'}`;
}
