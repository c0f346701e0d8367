// A kind as a CustomResourceDefinition: the form in which schemas of Kubernetes objects are exchanged. Editors and
// linters read the files in manifests/crds, and a Kubernetes API server behind the store would be given them. Pure.
import type { JsonSchema } from './json-schema.ts';
import type { KindDefinition, PrinterColumn } from './kinds.ts';
import { publishedSchema } from './published-schema.ts';

/** For kinds with a group; those of the core group are known to every API server. */
export function crdOf(definition: KindDefinition) {
  const { group, version, kind, plural, singular, shortNames, categories, namespaced, statusSubresource } = definition;
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: namespaced ? 'Namespaced' : 'Cluster',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        ...(shortNames.length > 0 ? { shortNames } : {}),
        ...(categories.length > 0 ? { categories } : {}),
      },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          ...(statusSubresource ? { subresources: { status: {} } } : {}),
          additionalPrinterColumns: definition.columns.map(columnOf),
          schema: { openAPIV3Schema: wholeObject(definition) },
        },
      ],
    },
  };
}

function columnOf({ name, type, format, jsonPath, priority, description }: PrinterColumn) {
  return {
    name,
    type,
    ...(format ? { format } : {}),
    ...(description ? { description } : {}),
    jsonPath,
    ...(priority ? { priority } : {}),
  };
}

function wholeObject({ schema, description }: KindDefinition): JsonSchema {
  const { properties, ...rest } = publishedSchema(schema);
  return {
    ...rest,
    description,
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      ...properties,
    },
  };
}
