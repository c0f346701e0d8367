// The paths of printer columns: `.a.b`, `['a.b']`, `[0]` and `[?(@.type=="Ready")]`. Compiled once, linear in the
// length of the path.

type Step = { key: string } | { index: number } | { path: string[]; equals: string };

export type PathReader = (object: unknown) => unknown;

// Sticky pieces, tried in order at each position.
const pieces: { pattern: RegExp; step: (match: RegExpExecArray) => Step }[] = [
  { pattern: /\.([A-Za-z0-9_-]+)/y, step: (match) => ({ key: match[1]! }) },
  { pattern: /\['([^']+)'\]/y, step: (match) => ({ key: match[1]! }) },
  { pattern: /\[(\d{1,6})\]/y, step: (match) => ({ index: Number(match[1]) }) },
  {
    pattern: /\[\?\(@((?:\.[A-Za-z0-9_-]+)+)\s*==\s*["']([^"']*)["']\)\]/y,
    step: (match) => ({ path: match[1]!.slice(1).split('.'), equals: match[2]! }),
  },
];

/** A filter answers the first element that fits. @throws Error when the path is none of these */
export function compilePath(path: string): PathReader {
  const steps: Step[] = [];
  let at = 0;
  while (at < path.length) {
    const found = matchAt(path, at);
    if (!found) throw new Error(`the JSON path ${JSON.stringify(path)} cannot be read at position ${at}`);
    steps.push(found.step);
    at = found.end;
  }
  return (object) => steps.reduce<unknown>(follow, object);
}

function matchAt(path: string, at: number): { step: Step; end: number } | undefined {
  for (const { pattern, step } of pieces) {
    pattern.lastIndex = at;
    const match = pattern.exec(path);
    if (match) return { step: step(match), end: pattern.lastIndex };
  }
  return undefined;
}

function follow(value: unknown, step: Step): unknown {
  if (value === null || typeof value !== 'object') return undefined;
  if ('key' in step) return own(value, step.key);
  if (!Array.isArray(value)) return undefined;
  if ('index' in step) return value[step.index];
  return value.find(
    (element) => String(step.path.reduce<unknown>((part, key) => own(part, key), element)) === step.equals,
  );
}

function own(value: unknown, key: string): unknown {
  if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}
