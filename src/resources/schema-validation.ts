// An object against the schema of its kind: defaults filled in, fields that the kind does not have taken out and told,
// mistakes in the words of a Kubernetes API server. Everything that comes in passes here before anything else reads it.
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { FieldCause } from './errors.ts';
import { atField, invalidValue, notSupported, required, shown, tooLong, tooMany, wrongType } from './field-causes.ts';
import type { JsonSchema } from './json-schema.ts';
import type { KindDefinition } from './kinds.ts';

export interface SchemaFindings {
  causes: FieldCause[];
  /** Paths of fields the kind does not have; they are gone from the object. */
  unknown: string[];
}

/** No object of ours is half as deep; a parser of somebody else's may not survive more. */
export const maxDepth = 64;

const validators = new Map<string, ValidateFunction>();

/** Works on `object` itself. `metadata`, `apiVersion` and `kind` are not looked at. */
export function validateSchema(kind: KindDefinition, object: Record<string, unknown>): SchemaFindings {
  if (isDeeperThan(object, maxDepth)) {
    return { causes: [invalidValue('', undefined, `must not be nested deeper than ${maxDepth} levels`)], unknown: [] };
  }
  const unknown: string[] = [];
  const { apiVersion: _, kind: __, metadata: ___, ...fields } = object;
  prune(kind.schema, fields, '', unknown);
  for (const name of Object.keys(object)) {
    if (!['apiVersion', 'kind', 'metadata'].includes(name) && !Object.hasOwn(fields, name)) delete object[name];
  }
  const validate = validatorOf(kind);
  const causes = validate(fields) ? [] : causesOf(validate.errors ?? []);
  Object.assign(object, fields);
  return { causes, unknown };
}

function validatorOf(kind: KindDefinition): ValidateFunction {
  let validate = validators.get(kind.kind);
  if (!validate) {
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
    validate = ajv.compile(kind.schema);
    validators.set(kind.kind, validate);
  }
  return validate;
}

/** RFC 3339, as Kubernetes reads times. */
function isDateTime(text: string): boolean {
  return (
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(text) && !Number.isNaN(Date.parse(text))
  );
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

/** Takes out what the schema does not name, and nulls where the schema has no use for one: they mean "not stated". */
function prune(schema: JsonSchema, value: unknown, path: string, unknown: string[]): void {
  if (Array.isArray(value)) {
    if (schema.items)
      for (const [index, item] of value.entries()) prune(schema.items, item, `${path}[${index}]`, unknown);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const fields = value as Record<string, unknown>;
  for (const name of Object.keys(fields)) {
    const known = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;
    const inner = known ?? schema.additionalProperties;
    if (inner === undefined || inner === false) {
      unknown.push(atField(path, name));
      delete fields[name];
    } else if (typeof inner === 'object') {
      if (fields[name] === null && !allowsNull(inner)) delete fields[name];
      else prune(inner, fields[name], known ? atField(path, name) : `${path}[${name}]`, unknown);
    }
  }
}

function allowsNull({ type }: JsonSchema): boolean {
  return type === undefined || type === 'null' || (Array.isArray(type) && type.includes('null'));
}

function causesOf(errors: ErrorObject[]): FieldCause[] {
  return errors.filter(({ keyword }) => keyword !== 'if').map(causeOf);
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
    case 'maxLength':
      return tooLong(field, Number(params['limit']));
    case 'maxItems':
    case 'maxProperties':
      return tooMany(field, Number(params['limit']));
    case 'minimum':
      return invalidValue(field, data, `must be greater than or equal to ${params['limit']}`);
    case 'maximum':
      return invalidValue(field, data, `must be less than or equal to ${params['limit']}`);
    case 'pattern':
      return invalidValue(field, data, `must match ${shown(params['pattern'])}`);
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
    return inBrackets ? `${path}[${part}]` : atField(path, part);
  }, '');
}
