// What JSON.parse does not say about a text: how deep it nests and which keys it states twice.

export interface JsonFacts {
  depth: number;
  /** Dotted paths, in order, at most `maxDuplicates`. */
  duplicates: string[];
}

interface Frame {
  keys: Set<string> | undefined;
  key: string;
  index: number;
}

const maxDuplicates = 100;

/** One pass without recursion. @param text must be valid JSON: parse it first */
export function inspectJson(text: string): JsonFacts {
  const stack: Frame[] = [];
  const duplicates: string[] = [];
  let depth = 0;
  let at = 0;
  while (at < text.length) {
    const top = stack.at(-1);
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        stack.push({ keys: new Set(), key: '', index: 0 });
        depth = Math.max(depth, stack.length);
        break;
      case 0x5b: // [
        stack.push({ keys: undefined, key: '', index: 0 });
        depth = Math.max(depth, stack.length);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        stack.pop();
        break;
      case 0x2c: // ,
        if (top && !top.keys) top.index += 1;
        break;
      case 0x22: {
        const end = endOfString(text, at);
        if (top?.keys && isKey(text, end)) {
          top.key = JSON.parse(text.slice(at, end)) as string;
          if (top.keys.has(top.key) && duplicates.length < maxDuplicates) duplicates.push(pathOf(stack));
          top.keys.add(top.key);
        }
        at = end;
        continue;
      }
    }
    at += 1;
  }
  return { depth, duplicates };
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at + 1;
}

function isKey(text: string, end: number): boolean {
  let at = end;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return text[at] === ':';
}

function pathOf(stack: readonly Frame[]): string {
  return stack.map((frame, level) => (frame.keys ? `${level ? '.' : ''}${frame.key}` : `[${frame.index}]`)).join('');
}
