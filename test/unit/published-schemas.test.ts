// The schemas of the kinds as others get them: the files in manifests/crds and the components of OpenAPI.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crdOf } from '../../src/resources/crd.ts';
import { crdFiles } from '../../src/resources/crd-files.ts';
import type { JsonSchema } from '../../src/resources/json-schema.ts';
import { findKind, kindDefinitions } from '../../src/resources/kinds.ts';
import { componentSchemas, schemaName } from '../../src/resources/openapi.ts';
import { publishedSchema } from '../../src/resources/published-schema.ts';
import { checkout } from '../support/source-files.ts';

const directory = join(checkout, 'manifests/crds');

test('the files of manifests/crds say what the table of kinds says', () => {
  const written = readdirSync(directory)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => ({ name, text: readFileSync(join(directory, name), 'utf8') }));
  assert.deepEqual(
    written.sort((one, other) => one.name.localeCompare(other.name)),
    crdFiles().sort((one, other) => one.name.localeCompare(other.name)),
  );
});

test('a CRD names the kind and its columns as kubectl shows them', () => {
  const { metadata, spec } = crdOf(findKind('Server')!);
  assert.equal(metadata.name, 'servers.aileron.dev');
  assert.deepEqual(spec.names.shortNames, ['gs']);
  assert.equal(spec.scope, 'Cluster');
  const [version] = spec.versions;
  assert.deepEqual(version?.subresources, { status: {} });
  assert.deepEqual(
    version?.additionalPrinterColumns.find(({ name }) => name === 'Port'),
    { name: 'Port', type: 'integer', jsonPath: '.spec.allocations.default.port', priority: 1 },
  );
});

test('a CRD is structural: one type a field, no word that Kubernetes refuses in one', () => {
  for (const kind of kindDefinitions) {
    for (const [path, schema] of fieldsOf(publishedSchema(kind.schema), kind.kind)) {
      const typed = typeof schema.type === 'string' || schema['x-kubernetes-preserve-unknown-fields'] === true;
      assert.ok(typed, `${path} has no type`);
      assert.notEqual(typeof schema.additionalProperties, 'boolean', path);
      if (schema.properties) assert.equal(schema.additionalProperties, undefined, `${path} has both kinds of fields`);
    }
  }
});

test('a field with a default need not be stated', () => {
  for (const kind of kindDefinitions) {
    for (const [path, { required = [], properties = {} }] of fieldsOf(publishedSchema(kind.schema), kind.kind)) {
      for (const name of required) assert.equal(properties[name]?.default, undefined, `${path}.${name}`);
    }
  }
  const server = publishedSchema(findKind('Server')!.schema);
  assert.deepEqual(server.properties?.['spec']?.required, ['image']);
});

test('every field of a spec says what it is for', () => {
  const silent = fieldsOf(findKind('Server')!.schema.properties!['spec']!, 'spec').flatMap(([path, schema]) =>
    schema.description === undefined && !schema.properties && !/\]$|^spec$/.test(path) ? [path] : [],
  );
  // Named by what stands around them.
  const clear = /\.(readOnly|ip|value|source|id|action|at|by|kind|mounts)$/;
  assert.deepEqual(
    silent.filter((path) => !clear.test(path)),
    [],
  );
});

test('OpenAPI has every kind, its list and the common objects, and every reference leads to one of them', () => {
  const schemas = componentSchemas(kindDefinitions);
  for (const name of ['ObjectMeta', 'ListMeta', 'Status', 'DeleteOptions']) {
    assert.ok(schemas[`io.k8s.apimachinery.pkg.apis.meta.v1.${name}`], name);
  }
  for (const kind of kindDefinitions) {
    const { group, version } = kind;
    assert.deepEqual(schemas[schemaName(kind)]?.['x-kubernetes-group-version-kind'], [
      { group, version, kind: kind.kind },
    ]);
    assert.ok(schemas[`${schemaName(kind)}List`]);
  }
  assert.deepEqual(Object.keys(schemas).slice(0, 2), ['dev.aileron.v1.Server', 'dev.aileron.v1.ServerList']);
  assert.ok(schemas['io.k8s.api.core.v1.Event']);
  for (const [, name] of JSON.stringify(schemas).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
    assert.ok(schemas[name!], name);
  }
});

test('null and several types become what OpenAPI 3.0 can say', () => {
  const published = (type: JsonSchema['type']) => publishedSchema(type === undefined ? {} : { type });
  assert.deepEqual(published('string'), { type: 'string' });
  assert.deepEqual(published(['string', 'null']), { type: 'string', nullable: true });
  assert.deepEqual(published(['string', 'number']), { 'x-kubernetes-preserve-unknown-fields': true });
});

/** The schema and all below it, with paths. */
function fieldsOf(schema: JsonSchema, path: string): [path: string, schema: JsonSchema][] {
  const inner = schema.additionalProperties;
  return [
    [path, schema],
    ...Object.entries(schema.properties ?? {}).flatMap(([name, field]) => fieldsOf(field, `${path}.${name}`)),
    ...(schema.items ? fieldsOf(schema.items, `${path}[]`) : []),
    ...(typeof inner === 'object' ? fieldsOf(inner, `${path}[]`) : []),
  ];
}
