// The parser `xml`: sets the text or one attribute of every element that a path names, and makes what is missing. The file
// is laid out anew only if something changed.
import type { Edit, Notes } from '../edit.ts';
import { lineBreakOf } from '../splice.ts';
import { binaryByteOrderMark, decodeBinary, encodeBinary, toBinary } from '../text.ts';
import { readXml } from './read-xml.ts';
import { writeXml } from './write-xml.ts';
import { chosen, parseXmlPath, type XmlStep } from './xml-path.ts';
import {
  isBlankText,
  isElement,
  leadingText,
  newElement,
  setAttribute,
  setLeadingText,
  withoutForbidden,
  type XmlElement,
  type XmlNode,
} from './xml-tree.ts';

const declaration = '<?xml version="1.0" encoding="utf-8"?>';

/** @throws EggFileError */
export function editXml(content: Buffer, edits: readonly Edit[], notes: Notes): Buffer {
  const text = decodeBinary(content);
  const mark = text.startsWith(binaryByteOrderMark) ? binaryByteOrderMark : '';
  const body = text.slice(mark.length);
  const document = readXml(body);
  let changed = false;
  for (const { match, value } of edits) {
    const path = parseXmlPath(toBinary(match));
    const outcome = path ? carryOut(document, path, toBinary(withoutForbidden(value.text))) : 'it is not a path';
    if (outcome === 'changed') changed = true;
    else if (outcome !== 'same') notes.skipped(match, outcome);
  }
  return changed ? encodeBinary(mark + writeXml(document, lineBreakOf(body))) : content;
}

/** What became of it, or why nothing did. */
function carryOut(document: XmlNode[], path: readonly XmlStep[], value: string): string {
  const root = document.find(isElement);
  const [rootStep] = path;
  if (root && rootStep && chosen([root], rootStep).length === 0) return 'the root element is another one';
  const { elements, missing } = reached(root, path);
  if (missing.length === 0)
    return elements.map((element) => setValue(element, value)).includes(true) ? 'changed' : 'same';
  if (path.some(({ name }) => name === '*')) return 'same';
  const made = missing.map(madeFor);
  if (!made.every((element) => element !== undefined)) return 'it is missing and its path does not say how to make it';
  for (const [index, inner] of made.slice(1).entries()) made[index]?.children.push(inner);
  const [outermost] = made;
  const innermost = made.at(-1);
  if (outermost) attach(document, elements[0], outermost);
  if (innermost) setValue(innermost, value);
  return 'changed';
}

/** Elements as far down the path as there are some, and what lies beyond. */
function reached(root: XmlElement | undefined, path: readonly XmlStep[]) {
  let elements = root ? [root] : [];
  let depth = root ? 1 : 0;
  for (; root && depth < path.length; depth++) {
    const step = path[depth];
    const next = step ? elements.flatMap(({ children }) => chosen(children.filter(isElement), step)) : [];
    if (next.length === 0) break;
    elements = next;
  }
  return { elements, missing: path.slice(depth) };
}

/** `undefined`: a condition that a new element cannot be made to fulfil. */
function madeFor({ name, conditions }: XmlStep): XmlElement | undefined {
  const element = newElement(name);
  for (const condition of conditions) {
    if (condition.kind !== 'attribute') return undefined;
    setAttribute(element, condition.name, condition.value ?? '');
  }
  return element;
}

function attach(document: XmlNode[], parent: XmlElement | undefined, element: XmlElement): void {
  if (parent) {
    parent.children.push(element);
    return;
  }
  if (document.every(isBlankText)) document.unshift({ kind: 'other', raw: declaration });
  document.push(element);
}

/** Whether anything is different now. */
function setValue(element: XmlElement, value: string): boolean {
  const [, name, attribute] = /^\[([A-Za-z0-9_.:-]+)='([\s\S]*)'\]$/.exec(value) ?? [];
  if (name !== undefined && attribute !== undefined) {
    if (element.attributes.some((own) => own.name === name && own.value === attribute)) return false;
    setAttribute(element, name, attribute);
    return true;
  }
  if (leadingText(element) === value) return false;
  setLeadingText(element, value);
  return true;
}
