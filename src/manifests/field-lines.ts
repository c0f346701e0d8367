// Where in a YAML document a field stands, so that a refusal names the line and not only the path.
import { type Document, isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';

/**
 * Offset in the text of the field a path names, in the spelling of admission: `spec.mounts[2].target`,
 * `metadata.labels[example.com/game]`. For a field that is not there: of the innermost one around it that is.
 */
export function offsetOf(document: Document, path: string): number | undefined {
  let node = resolved(document, document.contents);
  let offset = node?.range?.[0];
  let rest = path;
  while (rest !== '') {
    const next = stepInto(node, rest);
    if (!next) return offset;
    rest = next.rest.replace(/^\./, '');
    offset = next.offset ?? offset;
    node = resolved(document, next.value);
  }
  return offset;
}

interface Found {
  offset: number | undefined;
  value: unknown;
  rest: string;
}

function stepInto(node: Node | undefined, path: string): Found | undefined {
  if (isSeq(node)) {
    const [bracket, index] = /^\[(\d+)\]/.exec(path) ?? [];
    const item = index === undefined ? undefined : node.items[Number(index)];
    if (!bracket || !item) return undefined;
    return { offset: (item as Node).range?.[0], value: item, rest: path.slice(bracket.length) };
  }
  if (!isMap(node)) return undefined;
  // A key may hold dots itself, so the keys are compared with the path, and the longest that fits is meant.
  const fitting = node.items.flatMap(({ key, value }) => {
    const length = isScalar(key) ? lengthOfStep(String(key.value), path) : 0;
    return length > 0 ? [{ length, offset: (key as Node).range?.[0], value }] : [];
  });
  const best = fitting.sort((one, other) => other.length - one.length)[0];
  return best && { offset: best.offset, value: best.value, rest: path.slice(best.length) };
}

/** How much of the path the key takes up; 0 = it is another one's. */
function lengthOfStep(key: string, path: string): number {
  if (path.startsWith(`[${key}]`)) return key.length + 2;
  const end = path[key.length];
  return key !== '' && path.startsWith(key) && (end === undefined || end === '.' || end === '[') ? key.length : 0;
}

function resolved(document: Document, value: unknown): Node | undefined {
  if (isAlias(value)) return value.resolve(document);
  return (value ?? undefined) as Node | undefined;
}
