// Reads strict JSON into a tree that remembers how each key and value was written, so that numbers keep all their digits
// and strings their escapes.
import { EggFileError } from '../config-file.ts';
import { byteOrderMark } from '../text.ts';
import { addEntry, listNode, mapNode, readSlot, type Slot, scalarNode, type TreeNode } from '../tree/tree.ts';

const maxDepth = 256;

/** Origins are the text of a scalar, or of the key of an entry. */
export type JsonOrigin = string;

/** Nothing but white space counts as `{}`. @throws EggFileError */
export function readJson(text: string): Slot<JsonOrigin> {
  return readSlot(new JsonReader(text).document());
}

class JsonReader {
  readonly #text: string;
  #at: number;

  constructor(text: string) {
    this.#text = text;
    this.#at = text.startsWith(byteOrderMark) ? 1 : 0;
  }

  document(): TreeNode<JsonOrigin> {
    this.#space();
    if (this.#at === this.#text.length) return mapNode();
    const value = this.#value(0);
    this.#space();
    if (this.#at < this.#text.length) this.#fail();
    return value;
  }

  #value(depth: number): TreeNode<JsonOrigin> {
    if (depth > maxDepth) throw new EggFileError(`JSON is nested deeper than ${maxDepth} levels`);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"': {
        const raw = this.#string();
        return scalarNode('string', decoded(raw), raw);
      }
      default:
        return this.#word();
    }
  }

  #object(depth: number): TreeNode<JsonOrigin> {
    const map = mapNode<JsonOrigin>();
    this.#at += 1;
    this.#space();
    if (this.#take('}')) return map;
    do {
      this.#space();
      const key = this.#string();
      this.#space();
      if (!this.#take(':')) this.#fail();
      this.#space();
      addEntry(map, decoded(key), readSlot(this.#value(depth + 1), key));
      this.#space();
    } while (this.#take(','));
    if (!this.#take('}')) this.#fail();
    return map;
  }

  #array(depth: number): TreeNode<JsonOrigin> {
    const list = listNode<JsonOrigin>();
    this.#at += 1;
    this.#space();
    if (this.#take(']')) return list;
    do {
      this.#space();
      list.items.push(readSlot(this.#value(depth + 1)));
      this.#space();
    } while (this.#take(','));
    if (!this.#take(']')) this.#fail();
    return list;
  }

  /** With its quotes. What stands between them is judged by `decoded`. */
  #string(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') this.#fail();
    for (let at = start + 1; ; at++) {
      const quote = this.#text.indexOf('"', at);
      if (quote === -1) this.#fail();
      let slashes = 0;
      while (this.#text[quote - 1 - slashes] === '\\') slashes += 1;
      at = quote;
      if (slashes % 2 === 1) continue;
      this.#at = quote + 1;
      return this.#text.slice(start, this.#at);
    }
  }

  #word(): TreeNode<JsonOrigin> {
    const pattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.+-])|(?:true|false|null)\b/y;
    pattern.lastIndex = this.#at;
    const [word] = pattern.exec(this.#text) ?? this.#fail();
    this.#at += word.length;
    if (word === 'null') return scalarNode('null', '', word);
    return scalarNode(word === 'true' || word === 'false' ? 'bool' : 'number', word, word);
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #fail(): never {
    throw notJson(this.#at);
  }
}

function decoded(raw: string): string {
  // Escapes and control characters are rare; most strings are between their quotes what they mean.
  if (!/\\|\p{Cc}/u.test(raw)) return raw.slice(1, -1);
  try {
    const value: unknown = JSON.parse(raw);
    return String(value);
  } catch (cause) {
    throw new EggFileError('the file holds a string that is not JSON', { cause });
  }
}

function notJson(at: number): EggFileError {
  return new EggFileError(`the file is not JSON (character ${at})`);
}
