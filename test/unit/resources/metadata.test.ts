// What metadata may be: the rules of Kubernetes for names, labels, annotations, finalizers and owners.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AdmissionBench, causesOf, writeContext } from '../../support/an-admission.ts';

const owner = { apiVersion: 'aileron.dev/v1', kind: 'Server', name: 'o', uid: 'u' };

const mistakes: [what: string, metadata: object, field: string, reason: string, message?: RegExp][] = [
  ['no name', { name: undefined }, 'metadata.name', 'FieldValueRequired', /name or generateName is required$/],
  ['an empty name', { name: '' }, 'metadata.name', 'FieldValueRequired'],
  ['a null for the name', { name: null }, 'metadata.name', 'FieldValueRequired'],
  ['a number for the name', { name: 7 }, 'metadata.name', 'FieldValueTypeInvalid'],
  ['capitals', { name: 'Demo' }, 'metadata.name', 'FieldValueInvalid', /a lowercase RFC 1123 subdomain/],
  ['a way up', { name: '../demo' }, 'metadata.name', 'FieldValueInvalid'],
  ['an end of line', { name: 'demo\n' }, 'metadata.name', 'FieldValueInvalid'],
  ['a dot at the end', { name: 'demo.' }, 'metadata.name', 'FieldValueInvalid'],
  ['a long name', { name: 'x'.repeat(254) }, 'metadata.name', 'FieldValueTooLong'],
  ['a long generateName', { name: '', generateName: 'x'.repeat(250) }, 'metadata.name', 'FieldValueTooLong'],
  ['a namespace', { namespace: 'default' }, 'metadata.namespace', 'FieldValueForbidden', /not allowed on this type$/],
  ['labels that are a list', { labels: [] }, 'metadata.labels', 'FieldValueTypeInvalid'],
  ['a label that is a number', { labels: { a: 1 } }, 'metadata.labels[a]', 'FieldValueTypeInvalid'],
  ['a label with a space', { labels: { a: 'b c' } }, 'metadata.labels[a]', 'FieldValueInvalid', /a valid label must/],
  ['a long label', { labels: { a: 'b'.repeat(64) } }, 'metadata.labels[a]', 'FieldValueTooLong'],
  ['a label key with a space', { labels: { 'a b': 'c' } }, 'metadata.labels', 'FieldValueInvalid', /name part must/],
  ['a label key of three parts', { labels: { 'a/b/c': 'd' } }, 'metadata.labels', 'FieldValueInvalid'],
  ['a label prefix with capitals', { labels: { 'A.io/b': 'd' } }, 'metadata.labels', 'FieldValueInvalid'],
  ['an annotation that is none', { annotations: { a: {} } }, 'metadata.annotations[a]', 'FieldValueTypeInvalid'],
  ['an annotation key', { annotations: { 'a b': '' } }, 'metadata.annotations', 'FieldValueInvalid'],
  [
    'annotations that are too large',
    { annotations: { a: 'ü'.repeat(128 * 1024) } },
    'metadata.annotations',
    'FieldValueTooLong',
    /^Too long: may not be more than 262144 bytes$/,
  ],
  ['finalizers that are none', { finalizers: 'a' }, 'metadata.finalizers', 'FieldValueTypeInvalid'],
  ['a finalizer with a space', { finalizers: ['a', 'b c'] }, 'metadata.finalizers[1]', 'FieldValueInvalid'],
  [
    'a crowd of finalizers',
    { finalizers: Array.from({ length: 257 }, (_, index) => `f${index}`) },
    'metadata.finalizers',
    'FieldValueTooMany',
    /^Too many: 257: must have at most 256 items$/,
  ],
  ['an owner that is none', { ownerReferences: ['a'] }, 'metadata.ownerReferences[0]', 'FieldValueTypeInvalid'],
  [
    'an owner without uid',
    { ownerReferences: [{ ...owner, uid: undefined }] },
    'metadata.ownerReferences[0].uid',
    'FieldValueRequired',
  ],
  [
    'an owner of an empty name',
    { ownerReferences: [{ ...owner, name: '' }] },
    'metadata.ownerReferences[0].name',
    'FieldValueRequired',
  ],
  [
    'an owner with a flag that is text',
    { ownerReferences: [{ ...owner, controller: 'true' }] },
    'metadata.ownerReferences[0].controller',
    'FieldValueTypeInvalid',
  ],
  [
    'two owners in control',
    { ownerReferences: [owner, { ...owner, uid: 'v' }].map((one) => ({ ...one, controller: true })) },
    'metadata.ownerReferences',
    'FieldValueInvalid',
    /only one reference can have "controller" set to true$/,
  ],
];

describe('metadata is refused with', () => {
  for (const [what, metadata, field, reason, message] of mistakes) {
    test(what, async () => {
      const { admission, store } = new AdmissionBench();
      const input = { metadata: { name: 'a', ...metadata }, spec: { image: 'game' } };
      const causes = await causesOf(admission.create('Server', input, writeContext()));
      assert.deepEqual(
        causes.map((cause) => [cause.field, cause.reason]),
        [[field, reason]],
      );
      if (message) assert.match(causes[0]!.message, message);
      assert.deepEqual((await store.list('Server')).items, []);
    });
  }
});

test('metadata that is no object is refused', async () => {
  const { admission } = new AdmissionBench();
  const [cause] = await causesOf(admission.create('Server', { metadata: 'a', spec: {} }, writeContext()));
  assert.deepEqual([cause?.field, cause?.reason], ['metadata', 'FieldValueTypeInvalid']);
  const [missing] = await causesOf(admission.create('Server', { metadata: null, spec: {} }, writeContext()));
  assert.deepEqual([missing?.field, missing?.reason], ['metadata.name', 'FieldValueRequired']);
});

test('good metadata is stored as it is', async () => {
  const { admission } = new AdmissionBench();
  const metadata = {
    name: 'a.b-c.1',
    labels: { app: 'game', 'example.com/Part_of': 'A.b-c_9', empty: '' },
    annotations: { 'Example.com/note': 'anything\n"at all"', traceparent: '' },
    finalizers: ['example.com/mine', 'aileron.dev/server'],
    ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: false }],
  };
  const server = await admission.create('Server', { metadata, spec: { image: 'game' } }, writeContext());
  const { uid, resourceVersion, generation, creationTimestamp, ...stored } = server.metadata;
  assert.deepEqual(stored, metadata);
});

test('a null is metadata that is not stated', async () => {
  const { admission } = new AdmissionBench();
  const nulls = { creationTimestamp: null, labels: null, finalizers: null, generateName: null, namespace: null };
  const input = { metadata: { name: 'a', ...nulls }, spec: { image: 'game' } };
  const server = await admission.create('Server', input, writeContext());
  assert.equal(server.metadata.labels, undefined);
  assert.deepEqual(server.metadata.finalizers, ['aileron.dev/server']);
  assert.equal(server.metadata.creationTimestamp, '2026-01-01T00:00:00Z');
});

test('an Event is in the namespace default, whether it says so or not, and in no other', async () => {
  const { admission } = new AdmissionBench();
  const involvedObject = { kind: 'Server', name: 'a' };
  const context = writeContext();
  const silent = await admission.create('Event', { metadata: { name: 'a' }, involvedObject }, context);
  assert.equal(silent.metadata.namespace, 'default');
  const metadata = { name: 'b', namespace: 'kube-system' };
  const [cause] = await causesOf(admission.create('Event', { metadata, involvedObject }, context));
  assert.deepEqual([cause?.field, cause?.reason], ['metadata.namespace', 'FieldValueForbidden']);
});
