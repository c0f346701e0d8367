// Reads XML as far as configuration files go: elements, attributes, text, comments, instructions. Entities of a document's
// own are refused, so nothing can grow; a doctype is kept as text and nothing is fetched.
import { EggFileError } from '../config-file.ts';
import { isBlankText, isElement, type XmlAttribute, type XmlElement, type XmlNode } from './xml-tree.ts';

const maxDepth = 256;

const nameText = '[A-Za-z_:\\x80-\\xff][A-Za-z0-9_:.\\x80-\\xff-]*';
const attributePattern = new RegExp(
  `[ \\t\\r\\n]+(${nameText})[ \\t\\r\\n]*=[ \\t\\r\\n]*(?:"([^"<]*)"|'([^'<]*)')`,
  'y',
);
const startPattern = new RegExp(`<(${nameText})`, 'y');
const endPattern = new RegExp(`</(${nameText})[ \\t\\r\\n]*>`, 'y');
const closePattern = /[ \t\r\n]*(\/?)>/y;
const doctypePattern = /<!DOCTYPE(?:[^[\]"'<>]|"[^"]*"|'[^']*')*>/y;

/** The nodes of the top level. `text` with one character a byte, without a byte-order mark. @throws EggFileError */
export function readXml(text: string): XmlNode[] {
  return new XmlReader(text).document();
}

class XmlReader {
  readonly #text: string;
  #at = 0;
  readonly #top: XmlNode[] = [];
  readonly #open: XmlElement[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  document(): XmlNode[] {
    while (this.#at < this.#text.length) this.#next();
    if (this.#open.length > 0) this.#fail();
    if (this.#top.filter(isElement).length > 1) throw new EggFileError('the file has more than one root element');
    if (this.#top.some((node) => node.kind === 'text' && !isBlankText(node))) {
      throw new EggFileError('the file has text outside its root element');
    }
    return this.#top;
  }

  #next(): void {
    if (this.#text[this.#at] !== '<') this.#characters();
    else if (this.#starts('<!--')) this.#verbatim('-->');
    else if (this.#starts('<![CDATA[')) this.#cdata();
    else if (this.#starts('<?')) this.#verbatim('?>');
    else if (this.#starts('<!')) this.#doctype();
    else if (this.#starts('</')) this.#endTag();
    else this.#startTag();
  }

  #characters(): void {
    const found = this.#text.indexOf('<', this.#at);
    const raw = this.#text.slice(this.#at, found === -1 ? undefined : found);
    this.#put({ kind: 'text', raw, value: this.#meaning(raw) });
    this.#at += raw.length;
  }

  #cdata(): void {
    if (this.#open.length === 0) this.#fail();
    const raw = this.#upTo(']]>');
    this.#put({ kind: 'text', raw, value: raw.slice('<![CDATA['.length, -']]>'.length) });
  }

  #verbatim(end: string): void {
    this.#put({ kind: 'other', raw: this.#upTo(end) });
  }

  #doctype(): void {
    const [raw] = this.#match(doctypePattern) ?? this.#fail('a doctype with declarations of its own');
    this.#put({ kind: 'other', raw });
  }

  #startTag(): void {
    const start = this.#at;
    const [, name = ''] = this.#match(startPattern) ?? this.#fail();
    const attributes: XmlAttribute[] = [];
    for (let found = this.#match(attributePattern); found; found = this.#match(attributePattern)) {
      const [, attribute = '', double, single] = found;
      attributes.push({ name: attribute, value: this.#meaning(double ?? single ?? '') });
    }
    const [, slash] = this.#match(closePattern) ?? this.#fail();
    const startTag = this.#text.slice(start, this.#at);
    const element: XmlElement = {
      kind: 'element',
      name,
      attributes,
      children: [],
      startTag,
      selfClosing: slash === '/',
    };
    this.#put(element);
    if (element.selfClosing) return;
    this.#open.push(element);
    if (this.#open.length > maxDepth) throw new EggFileError(`XML is nested deeper than ${maxDepth} levels`);
  }

  #endTag(): void {
    const [, name] = this.#match(endPattern) ?? this.#fail();
    if (this.#open.pop()?.name !== name) this.#fail();
  }

  #put(node: XmlNode): void {
    (this.#open.at(-1)?.children ?? this.#top).push(node);
  }

  #meaning(raw: string): string {
    if (!raw.includes('&')) return raw;
    return raw.replace(/&(?:(amp|lt|gt|quot|apos);|#(\d{1,7});|#x([\da-fA-F]{1,6});)?/g, (_, name, decimal, hex) => {
      if (name !== undefined) return predefined[String(name)] ?? '';
      const digits = decimal === undefined ? Number.parseInt(String(hex), 16) : Number(decimal);
      if (Number.isNaN(digits) || digits > 0x10ffff) this.#fail('an entity that is not predefined');
      return Buffer.from(String.fromCodePoint(digits)).toString('latin1');
    });
  }

  #upTo(end: string): string {
    const found = this.#text.indexOf(end, this.#at);
    if (found === -1) this.#fail();
    const raw = this.#text.slice(this.#at, found + end.length);
    this.#at += raw.length;
    return raw;
  }

  #starts(text: string): boolean {
    return this.#text.startsWith(text, this.#at);
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text) ?? undefined;
    this.#at += found?.[0].length ?? 0;
    return found;
  }

  #fail(what = 'something'): never {
    throw new EggFileError(`the file is not XML that can be read: ${what} at byte ${this.#at}`);
  }
}

const predefined: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
