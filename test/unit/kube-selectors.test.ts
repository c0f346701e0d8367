import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFieldSelector, parseLabelSelector } from '../../src/http/kube/selectors.ts';
import { StatusError } from '../../src/http/kube/status.ts';
import type { StoredObject } from '../../src/resources/object.ts';

function labelled(labels: Record<string, string>): StoredObject {
  return { apiVersion: 'v1', kind: 'Event', metadata: { name: 'a', labels } as unknown as StoredObject['metadata'] };
}

function matches(selector: string, labels: Record<string, string>): boolean {
  return parseLabelSelector(selector)?.(labelled(labels)) ?? true;
}

test('label selectors follow the rules of Kubernetes', () => {
  const cases: [string, Record<string, string>, boolean][] = [
    ['', {}, true],
    ['game=minecraft', { game: 'minecraft' }, true],
    ['game==minecraft', { game: 'rust' }, false],
    ['game!=minecraft', {}, true],
    ['game != minecraft', { game: 'minecraft' }, false],
    ['game', { game: '' }, true],
    ['!game', {}, true],
    ['!game', { game: 'x' }, false],
    ['game in (a, b)', { game: 'b' }, true],
    ['game in (a,b),tier=1', { game: 'b', tier: '2' }, false],
    ['game notin (a,b)', {}, true],
    ['game notin (a,b)', { game: 'a' }, false],
    ['slots>10', { slots: '11' }, true],
    ['slots<10', { slots: 'many' }, false],
    ['example.com/team=x', { 'example.com/team': 'x' }, true],
    ['toString', {}, false],
    ['game=', { game: '' }, true],
  ];
  for (const [selector, labels, expected] of cases) {
    assert.equal(matches(selector, labels), expected, `${selector} on ${JSON.stringify(labels)}`);
  }
});

test('a label selector that is none is a 400', () => {
  for (const text of ['a in (b', 'a=b=c', '=x', 'a in b', '-a', 'a>x', `${'a,'.repeat(80)}a`, 'a b']) {
    assert.throws(
      () => parseLabelSelector(text),
      (error) => error instanceof StatusError && error.status.code === 400,
      text,
    );
  }
});

test('field selectors select by name and, for events, by what they are about', () => {
  const event = {
    ...labelled({}),
    involvedObject: { kind: 'Server', name: 'demo', uid: 'u' },
    source: { component: 'server-controller' },
  };
  const cases: [string, boolean][] = [
    ['metadata.name=a', true],
    ['metadata.name!=a', false],
    ['involvedObject.kind=Server,involvedObject.name=demo', true],
    // What kubectl describe asks about an object without a namespace.
    ['involvedObject.namespace=,involvedObject.uid=u', true],
    ['involvedObject.name=other', false],
    ['source=server-controller', true],
  ];
  for (const [selector, expected] of cases) {
    assert.equal(parseFieldSelector(selector, 'Event')?.matches(event), expected, selector);
  }
  assert.equal(parseFieldSelector('metadata.name=a', 'Server')?.name, 'a');
  assert.throws(() => parseFieldSelector('spec.image=x', 'Server'), /field label not supported: spec.image/);
});
