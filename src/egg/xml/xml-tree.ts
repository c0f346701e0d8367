// An XML document as nodes that keep the text they were read from. Everything is one character a byte: the syntax is
// ASCII, and what is not is none of the parser's business.

export interface XmlElement {
  kind: 'element';
  name: string;
  attributes: XmlAttribute[];
  children: XmlNode[];
  /** The start tag as it stood; `undefined` for a new one, and when an attribute was set. */
  startTag: string | undefined;
  selfClosing: boolean;
}

export interface XmlAttribute {
  name: string;
  /** What it means, entities resolved. */
  value: string;
}

export type XmlNode =
  | XmlElement
  /** Character data: `raw` as it stands in the file, `value` what it means. */
  | { kind: 'text'; raw: string; value: string }
  /** A comment, an instruction, the declaration, a doctype. */
  | { kind: 'other'; raw: string };

export function newElement(name: string, attributes: XmlAttribute[] = []): XmlElement {
  return { kind: 'element', name, attributes, children: [], startTag: undefined, selfClosing: true };
}

export function isElement(node: XmlNode): node is XmlElement {
  return node.kind === 'element';
}

export function isBlankText(node: XmlNode): boolean {
  return node.kind === 'text' && /^[ \t\r\n]*$/.test(node.raw);
}

/** Before the first child that is no text; white space before an element is layout. */
export function leadingText({ children }: XmlElement): string {
  const other = children.findIndex(({ kind }) => kind !== 'text');
  const texts = other === -1 ? children : children.slice(0, other);
  const text = texts.map((node) => (node.kind === 'text' ? node.value : '')).join('');
  return other !== -1 && /^[ \t\r\n]*$/.test(text) ? '' : text;
}

export function setLeadingText(element: XmlElement, value: string): void {
  const other = element.children.findIndex(({ kind }) => kind !== 'text');
  const rest = other === -1 ? [] : element.children.slice(other);
  element.children = value === '' ? rest : [{ kind: 'text', raw: escapedText(value), value }, ...rest];
}

export function setAttribute(element: XmlElement, name: string, value: string): void {
  const existing = element.attributes.find((attribute) => attribute.name === name);
  if (existing?.value === value) return;
  if (existing) existing.value = value;
  else element.attributes.push({ name, value });
  element.startTag = undefined;
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&apos;',
  '"': '&quot;',
  '\r': '&#xD;',
};

export function escapedText(value: string): string {
  return value.replace(/[&<>'"\r]/g, (character) => entities[character] ?? character);
}

export function escapedAttribute(value: string): string {
  return escapedText(value).replaceAll('\n', '&#xA;').replaceAll('\t', '&#x9;');
}

/** What no XML document may hold, escaped or not. */
export function withoutForbidden(value: string): string {
  return value.replace(/\p{Cc}/gu, (character) => (/[\t\n\r\u0080-\u009f]/.test(character) ? character : ''));
}
