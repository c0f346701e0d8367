// Where a replacement points to in a document: `a.b`, `a.0`, `a[0].b`, `a.*.b`, with `\.` or `~1` for a dot in a key.

export type Segment =
  /** A key of an object; an index if a list stands there and it is a number. */
  | { kind: 'key'; key: string }
  | { kind: 'index'; index: number }
  /** Every child. */
  | { kind: 'all' };

const maxSegments = 128;

/** With its brackets. */
const longestIndex = 11;

/** `undefined`: nothing can be reached so, an empty part for instance. */
export function parsePath(match: string): Segment[] | undefined {
  const segments: Segment[] = [];
  for (const part of partsOf(match)) {
    if (part === '*') {
      segments.push({ kind: 'all' });
      continue;
    }
    const name = part.slice(0, bracketsStart(part));
    const brackets = part.slice(name.length);
    if (part === '') return undefined;
    if (name === '*') segments.push({ kind: 'all' });
    else if (name !== '') segments.push({ kind: 'key', key: unescaped(name) });
    for (const [, digits] of brackets.matchAll(/\[(\d+)\]/g)) segments.push({ kind: 'index', index: Number(digits) });
  }
  return segments.length <= maxSegments ? segments : undefined;
}

export function listIndex(key: string): number | undefined {
  return /^\d{1,9}$/.test(key) ? Number(key) : undefined;
}

/** Where the indexes begin that it ends with. */
function bracketsStart(part: string): number {
  let start = part.length;
  for (;;) {
    const last = /\[\d{1,9}\]$/.exec(part.slice(Math.max(0, start - longestIndex), start));
    if (!last) return start;
    start -= last[0].length;
  }
}

/** Between the dots that are not escaped. */
function partsOf(match: string): string[] {
  return [...match.matchAll(/(?:^|\.)((?:\\[\s\S]|[^.\\]|\\$)*)/g)].map(([, part = '']) => part);
}

function unescaped(name: string): string {
  return name.replace(/\\([\s\S])|~1/g, (_, escaped: string | undefined) => escaped ?? '.');
}
