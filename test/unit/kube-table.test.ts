import assert from 'node:assert/strict';
import { test } from 'node:test';
import { humanDuration } from '../../src/http/kube/human-duration.ts';
import { compilePath } from '../../src/http/kube/json-path.ts';

test('reads the paths of printer columns', () => {
  const object = {
    spec: { power: { desired: 'Running' }, list: [{ n: 1 }, { n: 2 }] },
    metadata: { labels: { 'example.com/a': 'x' } },
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Installed', status: 'False' },
      ],
    },
  };
  const cases: [string, unknown][] = [
    ['.spec.power.desired', 'Running'],
    ['.spec.list[1].n', 2],
    [".metadata.labels['example.com/a']", 'x'],
    ['.status.conditions[?(@.type=="Installed")].status', 'False'],
    [".status.conditions[?(@.type=='Ready')].status", 'True'],
    ['.status.conditions[?(@.type=="Crashed")].status', undefined],
    ['.spec.nothing.here', undefined],
    ['.constructor', undefined],
  ];
  for (const [path, expected] of cases) assert.deepEqual(compilePath(path)(object), expected, path);
  assert.throws(() => compilePath('.a..b'), /position 2/);
  assert.throws(() => compilePath('.a[*]'), /position 2/);
});

test('says ages as kubectl does', () => {
  const cases: [number, string][] = [
    [-5, '<invalid>'],
    [-1, '0s'],
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [125, '2m5s'],
    [600, '10m'],
    [3 * 3600, '3h'],
    [3 * 3600 + 60, '3h1m'],
    [8 * 3600, '8h'],
    [49 * 3600, '2d1h'],
    [9 * 86_400, '9d'],
    [800 * 86_400, '2y70d'],
    [4000 * 86_400, '10y'],
  ];
  for (const [seconds, expected] of cases) assert.equal(humanDuration(seconds * 1000), expected, String(seconds));
});
