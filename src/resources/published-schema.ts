// Our schemas as others read them: what Kubernetes calls a structural schema, the form of CRDs and of OpenAPI v3.
import type { JsonSchema, SchemaType } from './json-schema.ts';

/**
 * - A field with a default need not be stated, so it is not `required` here.
 * - `null` is `nullable`; a field of several types is one that keeps whatever it is given.
 * - Unknown fields are refused or pruned in any case, so `additionalProperties: false` is not said.
 */
export function publishedSchema(schema: JsonSchema): JsonSchema {
  const { type, properties, required, additionalProperties, items, ...rest } = schema;
  const stated = required?.filter((name) => properties?.[name]?.default === undefined) ?? [];
  return {
    ...publishedType(type),
    ...rest,
    ...(properties ? { properties: mapValues(properties, publishedSchema) } : {}),
    ...(stated.length > 0 ? { required: stated } : {}),
    ...(typeof additionalProperties === 'object'
      ? { additionalProperties: publishedSchema(additionalProperties) }
      : {}),
    ...(items ? { items: publishedSchema(items) } : {}),
  };
}

function publishedType(type: JsonSchema['type']): JsonSchema {
  if (type === undefined) return {};
  const types = typeof type === 'string' ? [type] : type;
  const [only, ...more] = types.filter((name): name is Exclude<SchemaType, 'null'> => name !== 'null');
  const nullable = types.includes('null') ? { nullable: true } : {};
  if (only === undefined || more.length > 0) return { 'x-kubernetes-preserve-unknown-fields': true, ...nullable };
  return { type: only, ...nullable };
}

function mapValues<V, R>(record: Readonly<Record<string, V>>, change: (value: V) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
