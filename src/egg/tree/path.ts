// Where a replacement points to in a document: `a.b`, `a.0`, `a[0].b`, `a.*.b`, with `\.` or `~1` for a dot in a key.

export type Segment =
  /** A key of an object; an index if a list stands there and it is a number. */
  | { kind: 'key'; key: string }
  | { kind: 'index'; index: number }
  /** Every child. */
  | { kind: 'all' };

const maxSegments = 128;

/** `undefined`: nothing can be reached so, an empty part for instance. */
export function parsePath(match: string): Segment[] | undefined {
  const segments: Segment[] = [];
  for (const part of partsOf(match)) {
    if (part === '*') {
      segments.push({ kind: 'all' });
      continue;
    }
    const [, name = '', brackets = ''] = /^([\s\S]*?)((?:\[\d{1,9}\])*)$/.exec(part) ?? [];
    if (name === '' && brackets === '') return undefined;
    if (name === '*') segments.push({ kind: 'all' });
    else if (name !== '') segments.push({ kind: 'key', key: unescaped(name) });
    for (const [, digits] of brackets.matchAll(/\[(\d+)\]/g)) segments.push({ kind: 'index', index: Number(digits) });
  }
  return segments.length <= maxSegments ? segments : undefined;
}

export function listIndex(key: string): number | undefined {
  return /^\d{1,9}$/.test(key) ? Number(key) : undefined;
}

/** Between the dots that are not escaped. */
function partsOf(match: string): string[] {
  return [...match.matchAll(/(?:^|\.)((?:\\[\s\S]|[^.\\]|\\$)*)/g)].map(([, part = '']) => part);
}

function unescaped(name: string): string {
  return name.replace(/\\([\s\S])|~1/g, (_, escaped: string | undefined) => escaped ?? '.');
}
