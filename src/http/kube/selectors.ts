// Label and field selectors in the syntax of Kubernetes, parsed once and applied to one object at a time.
import type { StoredObject } from '../../resources/object.ts';
import { badRequest, StatusError } from './status.ts';

export type Matcher = (object: StoredObject) => boolean;

interface LabelRequirement {
  key: string;
  operator: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt';
  values: ReadonlySet<string>;
}

/** Requirements in one selector; more is refused. */
const maxRequirements = 64;
const maxSelectorLength = 8192;

const keyPattern = /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const valuePattern = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
// Anchored (sticky) pieces of one requirement; none can backtrack over another.
const setPattern = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/;
const comparePattern = /^([^\s=!<>]+)\s*(==|=|!=|>|<)\s*([^\s=!<>]*)$/;

/** @throws StatusError 400 when the text is no selector */
export function parseLabelSelector(text: string): Matcher | undefined {
  if (text.trim() === '') return undefined;
  if (text.length > maxSelectorLength) throw unparsable('label selector is too long');
  const parts = splitOutsideParentheses(text);
  if (parts.length > maxRequirements) throw unparsable('label selector has too many requirements');
  const requirements = parts.map((part) => parseRequirement(part.trim(), text));
  return (object) => requirements.every((requirement) => holds(requirement, object.metadata.labels ?? {}));
}

function parseRequirement(part: string, whole: string): LabelRequirement {
  const set = setPattern.exec(part);
  if (set) {
    const values = (set[3] ?? '').split(',').map((value) => value.trim());
    return requirement(set[1]!, set[2] as 'in' | 'notin', values, whole);
  }
  const compared = comparePattern.exec(part);
  if (compared) {
    const [, key, sign, value] = compared as unknown as [string, string, string, string];
    const operator = sign === '!=' ? 'notin' : sign === '>' ? 'gt' : sign === '<' ? 'lt' : 'in';
    return requirement(key, operator, [value], whole);
  }
  if (part.startsWith('!')) return requirement(part.slice(1).trim(), 'absent', [], whole);
  return requirement(part, 'exists', [], whole);
}

function requirement(
  key: string,
  operator: LabelRequirement['operator'],
  values: string[],
  whole: string,
): LabelRequirement {
  if (!keyPattern.test(key) || !values.every((value) => valuePattern.test(value))) {
    throw unparsable(`unable to parse requirement: invalid label key or value in ${JSON.stringify(whole)}`);
  }
  if ((operator === 'gt' || operator === 'lt') && !/^-?\d{1,18}$/.test(values[0] ?? '')) {
    throw unparsable(`unable to parse requirement: ${JSON.stringify(values[0])} is not an integer`);
  }
  return { key, operator, values: new Set(values) };
}

function holds({ key, operator, values }: LabelRequirement, labels: Record<string, string>): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'in':
      return value !== undefined && values.has(value);
    case 'notin':
      return value === undefined || !values.has(value);
    case 'gt':
    case 'lt': {
      if (value === undefined || !/^-?\d{1,18}$/.test(value)) return false;
      const bound = BigInt([...values][0]!);
      return operator === 'gt' ? BigInt(value) > bound : BigInt(value) < bound;
    }
  }
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '(') depth += 1;
    else if (character === ')') depth -= 1;
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** What can be selected by beside metadata.name and metadata.namespace, by kind. */
const fieldsOfKind: Record<string, readonly string[]> = {
  Event: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
};

export interface FieldSelector {
  matches: Matcher;
  /** Set when only one object can match. */
  name?: string;
}

/** All of these fields never change in an object's life. @throws StatusError 400 for another field or syntax */
export function parseFieldSelector(text: string, kind: string): FieldSelector | undefined {
  if (text.trim() === '') return undefined;
  if (text.length > maxSelectorLength) throw unparsable('field selector is too long');
  const parts = text.split(',').filter((part) => part !== '');
  if (parts.length > maxRequirements) throw unparsable('field selector has too many requirements');
  const terms = parts.map((part) => {
    const match = /^([^=!]+)(==|=|!=)(.*)$/s.exec(part);
    if (!match) throw unparsable(`invalid field selector: ${JSON.stringify(part)}`);
    const [, field, sign, value] = match as unknown as [string, string, string, string];
    if (field !== 'metadata.name' && field !== 'metadata.namespace' && !fieldsOfKind[kind]?.includes(field)) {
      throw new StatusError(badRequest(`field label not supported: ${field}`));
    }
    return { field, equal: sign !== '!=', value: value.replaceAll(/\\([\\,=])/g, '$1') };
  });
  const byName = terms.find((term) => term.field === 'metadata.name' && term.equal);
  return {
    matches: (object) => terms.every((term) => (fieldValue(object, term.field) === term.value) === term.equal),
    ...(byName ? { name: byName.value } : {}),
  };
}

function fieldValue(object: StoredObject, field: string): string {
  // Kubernetes' short name for the component of an Event's source.
  const path = field === 'source' ? ['source', 'component'] : field.split('.');
  let value: unknown = object;
  for (const step of path) value = (value as Record<string, unknown> | undefined)?.[step];
  return value === undefined || value === null ? '' : String(value);
}

function unparsable(message: string): StatusError {
  return new StatusError(badRequest(message));
}
