// An object against the schema of its kind: defaults filled in, fields that the kind does not have taken out and told,
// mistakes in the words of a Kubernetes API server. Everything that comes in passes here before anything else reads it.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { FieldCause } from './errors.ts';
import {
  atField,
  atKey,
  invalidValue,
  notSupported,
  required,
  shown,
  tooLong,
  tooMany,
  wrongType,
} from './field-causes.ts';
import type { JsonSchema } from './json-schema.ts';
import type { KindDefinition } from './kinds.ts';
import { objectMetaSchema } from './object-schemas.ts';
import { patternRules } from './schema-parts.ts';

export interface SchemaFindings {
  causes: FieldCause[];
  /** Paths of fields the kind does not have; they are gone from the object. */
  unknown: string[];
}

interface Compiled {
  /** Of the whole object, metadata included. */
  schema: JsonSchema;
  validate: ValidateFunction;
}

const compiled = new Map<string, Compiled>();

/** Works on `object` itself, which has passed `shapeCauses`: it is walked by recursion. */
export function validateSchema(kind: KindDefinition, object: Record<string, unknown>): SchemaFindings {
  const { schema, validate } = compiledOf(kind);
  const unknown: string[] = [];
  prune(schema, object, '', unknown);
  return { causes: validate(object) ? [] : (validate.errors ?? []).map(causeOf), unknown };
}

function compiledOf(kind: KindDefinition): Compiled {
  let found = compiled.get(kind.kind);
  if (!found) {
    const text: JsonSchema = { type: 'string' };
    const properties = { apiVersion: text, kind: text, metadata: objectMetaSchema, ...kind.schema.properties };
    const schema = { ...kind.schema, properties };
    // Unknown fields are taken out before; to report them here again would say everything twice.
    const ajv = new Ajv({
      allErrors: true,
      useDefaults: true,
      strict: true,
      strictTypes: false,
      strictRequired: false,
      verbose: true,
    });
    ajv.addFormat('date-time', isDateTime);
    found = { schema, validate: ajv.compile(schema) };
    compiled.set(kind.kind, found);
  }
  return found;
}

/** RFC 3339, as Kubernetes reads times; a day that the month does not have is none. */
function isDateTime(text: string): boolean {
  const [, date] = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/.exec(text) ?? [];
  if (date === undefined || Number.isNaN(Date.parse(text))) return false;
  return new Date(Date.parse(date)).toISOString().startsWith(date);
}

/** Takes out what the schema does not name, and nulls where the schema has no use for one: they mean "not stated". */
function prune(schema: JsonSchema, value: unknown, path: string, unknown: string[]): void {
  if (Array.isArray(value)) {
    if (schema.items)
      for (const [index, item] of value.entries()) prune(schema.items, item, atKey(path, index), unknown);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  // An object where none belongs is a value of the wrong type, told as such.
  if (!schema.properties && schema.additionalProperties === undefined) return;
  const fields = value as Record<string, unknown>;
  for (const name of Object.keys(fields)) {
    const known = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    const inner = known ?? schema.additionalProperties;
    if (inner === undefined || inner === false) {
      unknown.push(atField(path, name));
      delete fields[name];
    } else if (typeof inner === 'object') {
      if (fields[name] === null && !allowsNull(inner)) delete fields[name];
      else prune(inner, fields[name], known ? atField(path, name) : atKey(path, name), unknown);
    }
  }
}

function allowsNull({ type }: JsonSchema): boolean {
  return type === undefined || type === 'null' || (Array.isArray(type) && type.includes('null'));
}

function causeOf(error: ErrorObject): FieldCause {
  const field = fieldOf(error.instancePath, error);
  const { data, params } = error;
  switch (error.keyword) {
    case 'required':
      return required(atField(field, String(params['missingProperty'])));
    case 'type':
      return wrongType(field, data, [params['type']].flat().join(' or '));
    case 'enum':
      return notSupported(field, data, params['allowedValues'] as unknown[]);
    case 'minLength':
      return invalidValue(field, data, 'must not be empty');
    case 'maxLength':
      return tooLong(field, Number(params['limit']));
    case 'maxItems':
    case 'maxProperties':
      return tooMany(field, Object.keys(data as object).length, Number(params['limit']));
    case 'minimum':
      return invalidValue(field, data, `must be greater than or equal to ${params['limit']}`);
    case 'maximum':
      return invalidValue(field, data, `must be less than or equal to ${params['limit']}`);
    case 'pattern':
      return invalidValue(field, data, patternRules.get(params['pattern']) ?? `must match ${shown(params['pattern'])}`);
    case 'format':
      return invalidValue(field, data, 'must be a time such as 2026-01-01T00:00:00Z');
    default:
      return invalidValue(field, data, error.message ?? 'is not valid');
  }
}

/** `/spec/mounts/2/target` is `spec.mounts[2].target`; keys of maps stand in brackets. */
function fieldOf(instancePath: string, { schemaPath }: ErrorObject): string {
  const isMapKey = schemaPath.includes('/additionalProperties/');
  const parts = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return parts.reduce((path, part, index) => {
    const inBrackets = /^\d+$/.test(part) || (isMapKey && index === parts.length - 1);
    return inBrackets ? atKey(path, part) : atField(path, part);
  }, '');
}
