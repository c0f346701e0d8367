// The schemas of the OpenAPI v3 documents, under the names that Kubernetes gives them. Pure.
import type { JsonSchema } from './json-schema.ts';
import { apiVersionOf, type KindDefinition } from './kinds.ts';
import { deleteOptionsSchema, listMetaSchema, objectMetaSchema, statusSchema } from './object-schemas.ts';
import { publishedSchema } from './published-schema.ts';

const metaPackage = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const metaSchemas: Record<string, JsonSchema> = {
  ObjectMeta: objectMetaSchema,
  ListMeta: listMetaSchema,
  Status: statusSchema,
  DeleteOptions: deleteOptionsSchema,
};

/** `dev.aileron.v1.Server`; `io.k8s.api.core.v1.Event` for the core group. */
export function schemaName({ group, version, kind }: Pick<KindDefinition, 'group' | 'version' | 'kind'>): string {
  const reversed = group ? group.split('.').reverse().join('.') : 'io.k8s.api.core';
  return `${reversed}.${version}.${kind}`;
}

/** `components.schemas` of the document that describes these kinds. Every `$ref` in it leads to one of them. */
export function componentSchemas(kinds: readonly KindDefinition[]): Record<string, JsonSchema> {
  const meta = Object.entries(metaSchemas).map(([name, schema]) => [`${metaPackage}.${name}`, schema] as const);
  const own = kinds.flatMap((kind) => [
    [schemaName(kind), objectSchema(kind)] as const,
    [`${schemaName(kind)}List`, listSchema(kind)] as const,
  ]);
  return Object.fromEntries([...own, ...meta]);
}

function objectSchema(kind: KindDefinition): JsonSchema {
  const { properties, ...rest } = publishedSchema(kind.schema);
  return {
    ...rest,
    description: kind.description,
    properties: { ...typeFields(kind, kind.kind), metadata: reference(`${metaPackage}.ObjectMeta`), ...properties },
    'x-kubernetes-group-version-kind': [groupVersionKind(kind, kind.kind)],
  };
}

function listSchema(kind: KindDefinition): JsonSchema {
  const listKind = `${kind.kind}List`;
  return {
    type: 'object',
    required: ['items'],
    properties: {
      ...typeFields(kind, listKind),
      metadata: reference(`${metaPackage}.ListMeta`),
      items: { type: 'array', items: reference(schemaName(kind)) },
    },
    'x-kubernetes-group-version-kind': [groupVersionKind(kind, listKind)],
  };
}

function typeFields(definition: KindDefinition, kind: string): Record<string, JsonSchema> {
  return {
    apiVersion: { type: 'string', enum: [apiVersionOf(definition)] },
    kind: { type: 'string', enum: [kind] },
  };
}

function groupVersionKind({ group, version }: KindDefinition, kind: string) {
  return { group, version, kind };
}

function reference(name: string): JsonSchema {
  return { $ref: `#/components/schemas/${name}` };
}
