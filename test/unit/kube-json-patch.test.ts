import assert from 'node:assert/strict';
import test from 'node:test';
import type { Operation } from 'fast-json-patch';
import { mergePatchOf, readJsonPatch } from '../../src/http/kube/json-patch.ts';
import type { Server } from '../../src/resources/server.ts';
import { applyMergePatch } from '../../src/store/merge-patch.ts';
import { aServer } from '../support/builders.ts';

const server = aServer({
  metadata: { labels: { game: 'demo', old: 'x' } },
  spec: { environment: { WORLD: 'a' }, power: { desired: 'Running', request: { id: 'r1', action: 'restart' } } },
});

const cases: [name: string, operations: Operation[], patch: object][] = [
  [
    'replaces a value',
    [{ op: 'replace', path: '/spec/limits/memory', value: 256 }],
    { spec: { limits: { memory: 256 } } },
  ],
  ['removes a label', [{ op: 'remove', path: '/metadata/labels/old' }], { metadata: { labels: { old: null } } }],
  [
    'adds to a list, which goes as a whole',
    [{ op: 'add', path: '/spec/egg/done/-', value: 'Ready' }],
    { spec: { egg: { done: ['Done', 'Ready'] } } },
  ],
  [
    'moves',
    [{ op: 'move', from: '/spec/environment/WORLD', path: '/spec/environment/MAP' }],
    { spec: { environment: { WORLD: null, MAP: 'a' } } },
  ],
  [
    'unescapes pointers',
    [{ op: 'add', path: '/metadata/labels/a~1b', value: 'c' }],
    { metadata: { labels: { 'a/b': 'c' } } },
  ],
  ['only tests', [{ op: 'test', path: '/spec/image', value: '~test/game:1' }], {}],
  [
    'states the present action again, which is a request again',
    [{ op: 'replace', path: '/spec/power/request/action', value: 'restart' }],
    { spec: { power: { request: { action: 'restart' } } } },
  ],
];

for (const [name, operations, expected] of cases) {
  test(`a JSON patch ${name}`, () => {
    const patch = mergePatchOf(operations, server);
    assert.deepEqual(patch, expected);
    const merged = applyMergePatch(server, patch) as Server;
    assert.equal(merged.metadata.name, 'demo');
  });
}

for (const [name, operations] of [
  ['a test that does not hold', [{ op: 'test', path: '/spec/image', value: 'other' }]],
  ['a path that is not there', [{ op: 'replace', path: '/spec/nothing/here', value: 1 }]],
  ['a prototype key', [{ op: 'add', path: '/__proto__/polluted', value: 1 }]],
  ['no operation', [{ op: 'polish', path: '/spec' }]],
] as [string, Operation[]][]) {
  test(`a JSON patch with ${name} is refused and changes nothing`, () => {
    const before = structuredClone(server);
    assert.throws(() => mergePatchOf(operations, server), { name: 'StatusError' });
    assert.deepEqual(server, before);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });
}

test('what is no list of operations is no JSON patch', () => {
  for (const text of [
    '{}',
    '"x"',
    'nonsense',
    JSON.stringify(new Array(10_001).fill({ op: 'test', path: '', value: 1 })),
  ]) {
    assert.throws(() => readJsonPatch(text), { name: 'StatusError' });
  }
});
