// The `match` of an XML file: element names from the root down, `*` for any, each with conditions in brackets. A dot in
// brackets or quotes does not part.
import { isElement, leadingText, type XmlElement } from './xml-tree.ts';

export interface XmlStep {
  /** `*`: any. */
  name: string;
  conditions: XmlCondition[];
}

export type XmlCondition =
  /** `[2]`: counted from 1, `[-1]` from the end. */
  | { kind: 'position'; position: number }
  | { kind: 'attribute'; name: string; value: string | undefined }
  | { kind: 'child'; name: string; value: string | undefined }
  | { kind: 'text'; value: string };

const name = '[A-Za-z_:\\x80-\\xff][A-Za-z0-9_:.\\x80-\\xff-]*';
const nameWithoutDots = name.replace('.', '');
const stepPattern = new RegExp(`(\\*|${nameWithoutDots})((?:\\[(?:[^\\]"']|"[^"]*"|'[^']*')*\\])*)`, 'y');
const conditionPattern = /\[((?:[^\]"']|"[^"]*"|'[^']*')*)\]/g;
const nodePattern = new RegExp(`^(@?)(${name}|text\\(\\))(?:=(?:"([^"]*)"|'([^']*)'))?$`);

/** With one character a byte. `undefined`: it is none. */
export function parseXmlPath(match: string): XmlStep[] | undefined {
  const steps: XmlStep[] = [];
  for (let at = 0; ; at++) {
    stepPattern.lastIndex = at;
    const found = stepPattern.exec(match);
    if (!found) return undefined;
    const [whole, stepName = '', brackets = ''] = found;
    const conditions = [...brackets.matchAll(conditionPattern)].map(([, text = '']) => conditionOf(text));
    const known = conditions.filter((condition) => condition !== undefined);
    if (known.length < conditions.length) return undefined;
    steps.push({ name: stepName, conditions: known });
    at += whole.length;
    if (at === match.length) return steps;
    if (match[at] !== '.') return undefined;
  }
}

function conditionOf(text: string): XmlCondition | undefined {
  if (/^-?[1-9]\d{0,8}$/.test(text)) return { kind: 'position', position: Number(text) };
  const [, at, node = '', double, single] = nodePattern.exec(text) ?? [];
  if (at === undefined) return undefined;
  const value = double ?? single;
  if (at === '@') return { kind: 'attribute', name: node, value };
  if (node !== 'text()') return { kind: 'child', name: node, value };
  return value === undefined ? undefined : { kind: 'text', value };
}

/** The elements among these, children of one parent, that the step means. */
export function chosen(elements: readonly XmlElement[], step: XmlStep): XmlElement[] {
  const named = elements.filter((element) => step.name === '*' || element.name === step.name);
  return step.conditions.reduce((left, condition) => left.filter((_, index) => fulfils(left, index, condition)), named);
}

function fulfils(elements: readonly XmlElement[], index: number, condition: XmlCondition): boolean {
  const element = elements[index];
  if (!element) return false;
  switch (condition.kind) {
    case 'position':
      return index === (condition.position > 0 ? condition.position - 1 : elements.length + condition.position);
    case 'attribute':
      return element.attributes.some(({ name: own, value }) => own === condition.name && isOr(value, condition.value));
    case 'child':
      return element.children.some(
        (child) => isElement(child) && child.name === condition.name && isOr(leadingText(child), condition.value),
      );
    case 'text':
      return leadingText(element) === condition.value;
  }
}

function isOr(value: string, wanted: string | undefined): boolean {
  return wanted === undefined || value === wanted;
}
