// Eggs and files that are wrong, from what a Panel sends to what is on the disk afterwards: the daemon does what can be done
// and leaves the rest alone.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parserNames } from '../../../src/egg/config-file.ts';
import { EggConfiguration, type EggFileReport } from '../../../src/egg/egg-configuration.ts';
import { readServer } from '../../../src/panel/server-record.ts';
import { silentLogger } from '../../../src/telemetry/log.ts';
import { eggContext } from '../../support/egg.ts';
import { serverRecord } from '../../support/panel/server-record.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const never = new AbortController().signal;
const uuid = 'd3aac109-e5a0-4331-b03e-3454f7e136dc';

/** What a start does with the files, given `process_configuration.configs`. */
async function started(t: TestContext, configs: unknown[], files: Record<string, string> = {}) {
  const base = temporaryDirectory(t);
  const directory = join(base, 'root');
  mkdirSync(directory);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
  const record = serverRecord('pelican', { id: 1, uuid }) as { process_configuration: { configs: unknown } };
  record.process_configuration.configs = configs;
  const { spec } = readServer(JSON.parse(JSON.stringify(record)), 'pelican');
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const request = { directory, owner, configs: spec.egg.configs ?? [], context: eggContext, log: silentLogger };
  const reports: EggFileReport[] = await new EggConfiguration().apply(request, never);
  return { base, directory, results: reports.map(({ result }) => result) };
}

const one = (parser: string, replace: unknown[], more: object = {}) => [{ file: 'f', parser, replace, ...more }];
const set = (match: string, value: unknown) => ({ match, replace_with: value });
const textOf = (directory: string) => readFileSync(join(directory, 'f'), 'utf8');

for (const [row, parser, before, replace, after] of [
  [1, 'json', '', [set('a', 'x')], '{"a":"x"}'],
  [3, 'json', '{"b":1}', [set('b', '0x10')], '{"b":"0x10"}'],
  [4, 'json', '{"w":{"a":{"x":1},"c":3}}', [set('w.*.x', '9')], '{"w":{"a":{"x":9},"c":3}}'],
] as const) {
  test(`${parser} ${before || 'without content'} becomes ${after} (egg-config 12.${row})`, async (t) => {
    const { directory, results } = await started(t, one(parser, [...replace]), { f: before });
    assert.deepEqual(results, ['written']);
    assert.deepEqual(JSON.parse(textOf(directory)), JSON.parse(after));
  });
}

for (const [row, parser, content] of [
  [2, 'json', '{"a":1,}'],
  [5, 'yaml', '- a'],
] as const) {
  test(`${parser} ${content} stays as it is, and the next file is edited (egg-config 12.${row})`, async (t) => {
    const next = { file: 'g', parser: 'properties', replace: [set('b', 'y')] };
    const { directory, results } = await started(t, [...one(parser, [set('a', 'x')]), next], { f: content });
    assert.deepEqual(results, ['failed', 'written']);
    assert.equal(textOf(directory), content);
    assert.deepEqual(readdirSync(directory).sort(), ['f', 'g']);
  });
}

test('a variable in a value is expanded by nobody (egg-config 12.6)', async (t) => {
  const { directory } = await started(t, one('properties', [set('c', '1')]), { f: 'a=$' + '{HOME}\n' });
  assert.equal(textOf(directory), 'a=$' + '{HOME}\nc=1\n');
});

test('a value that ends with a quote is the same when it is read again (egg-config 12.7)', async (t) => {
  const { directory } = await started(t, one('properties', [set('c', '1')]), { f: 'a=say "hi"' });
  // A second start reads what the first one wrote: nothing is joined to the next pair, nothing grows.
  assert.equal(textOf(directory), 'a=say "hi"\nc=1\n');
  const again = await started(t, one('properties', [set('a', 'say "ho"'), set('c', '1')]), { f: textOf(directory) });
  assert.equal(textOf(again.directory), 'a=say "ho"\nc=1\n');
});

test('no parser writes above the directory of its server (egg-config 12.8)', async (t) => {
  const configs = parserNames.flatMap((parser) => [
    { file: '../x', parser, replace: [set('a', 'x')] },
    { file: '../outside/y', parser, replace: [set('a', 'x')] },
  ]);
  const { base, directory, results } = await started(t, configs);
  assert.deepEqual(new Set(results), new Set(['failed']));
  assert.equal(results.length, 2 * parserNames.length);
  assert.deepEqual([readdirSync(base), readdirSync(directory)], [['root'], []]);
});

test('create_file: false still updates a file that is there (egg-config 12.9)', async (t) => {
  const { directory, results } = await started(t, one('properties', [set('a', '2')], { create_file: false }), {
    f: 'a=1\n',
  });
  assert.deepEqual([results, textOf(directory)], [['written'], 'a=2\n']);
});

test('create_file: false makes no file, which is no fault (egg-config 12.10)', async (t) => {
  const { directory, results } = await started(t, one('properties', [set('a', '2')], { create_file: false }));
  assert.deepEqual([results, readdirSync(directory)], [['skipped'], []]);
});

test('an entry without a parser is passed over, the others count (egg-config 12.11)', async (t) => {
  const configs = [
    { file: 'f', replace: [set('a', '1')] },
    { file: 'g', parser: 'properties', replace: [set('a', '1')] },
    { parser: 'properties', replace: [set('a', '1')] },
    { file: 'h', parser: 'properties' },
  ];
  const { directory, results } = await started(t, configs);
  assert.deepEqual(results, ['written', 'written']);
  assert.equal(existsSync(join(directory, 'f')), false);
  assert.equal(readFileSync(join(directory, 'g'), 'utf8'), 'a=1\n');
  assert.equal(readFileSync(join(directory, 'h'), 'utf8'), '');
});

test('an element that is wrong costs itself alone (egg-config 12.12)', async (t) => {
  const bad = [
    { match: 5, replace_with: 'x' },
    { match: 'b', if_value: null, replace_with: 'x' },
    { match: 'b' },
    { match: 'b', if_value: 1, replace_with: 'x' },
  ];
  const replace = [set('a', '1'), ...bad, { match: 'c', value: '3' }];
  const { directory } = await started(t, one('properties', replace), { f: 'b=2\n' });
  assert.equal(textOf(directory), 'b=2\na=1\nc=3\n');
});

test('a key of the daemon stays the text that it is, in every parser (egg-config 12.13)', async (t) => {
  const secret = '{{config.token}}';
  const files = { json: '{"k":"v"}', yaml: 'k: v\n', toml: 'k = "v"\n', ini: 'k=v\n', properties: 'k=v\n' };
  for (const [parser, content] of Object.entries({ ...files, xml: '<k>v</k>', file: 'k\n' })) {
    const { directory } = await started(t, one(parser, [set('k', secret)]), { f: content });
    assert.ok(textOf(directory).includes(secret), `${parser}: ${textOf(directory)}`);
  }
});
