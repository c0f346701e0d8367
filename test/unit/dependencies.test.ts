// What the project depends on: exact, locked, known by name and reason, none below a version with a known flaw.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkout } from '../support/source-files.ts';

interface LockEntry {
  version?: string;
  integrity?: string;
  resolved?: string;
  link?: boolean;
  hasInstallScript?: boolean;
}

const manifests = ['package.json', 'bin/node/package.json'].map(readJson);
const locks = ['package-lock.json', 'bin/node/package-lock.json'].map(readJson);
const direct = manifests.flatMap((manifest) => dependenciesOf(manifest));
const locked = locks.flatMap((lock) =>
  Object.entries(lock['packages'] as Record<string, LockEntry>)
    .filter(([path]) => path !== '')
    .map(([path, entry]) => ({ path, name: path.slice(path.lastIndexOf('node_modules/') + 13), ...entry })),
);

/** They have an install script and work without it: nothing of theirs is compiled or fetched here. */
const worksWithoutScript = ['cpu-features', 'koffi', 'protobufjs', 'ssh2'];

/** The first version without the flaws published against a package; only what we use or may come to use. */
const floors: Record<string, string> = {
  '@fastify/busboy': '3.2.6',
  '@fastify/multipart': '10.1.1',
  fastify: '5.12.1',
  'fast-xml-parser': '5.5.7',
  'js-yaml': '4.1.1',
  tar: '7.5.19',
  undici: '8.5.0',
  ws: '8.21.1',
  yaml: '2.8.3',
};

test('direct dependencies are exact versions from the registry (covers: SEC-127, SEC-129)', () => {
  assert.ok(direct.length > 0);
  assert.deepEqual(
    direct.filter(({ version }) => !/^\d+\.\d+\.\d+$/.test(version)),
    [],
  );
});

test('the lock pins every package by content and names no registry (covers: SEC-127)', () => {
  const wrong = locked.filter((entry) => !entry.integrity?.startsWith('sha512-') || entry.resolved || entry.link);
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test('only packages known to work without it have an install script (covers: SEC-127)', () => {
  const scripted = locked.filter(({ hasInstallScript }) => hasInstallScript).map(({ name }) => name);
  assert.deepEqual(
    scripted.filter((name) => !worksWithoutScript.includes(name)),
    [],
  );
});

test('every installation leaves install scripts out (covers: SEC-127)', () => {
  for (const file of ['bin/setup/node24.mjs', 'bin/setup/dependencies.mjs']) {
    const text = readFileSync(join(checkout, file), 'utf8');
    assert.match(text, /'ci', '--ignore-scripts'/, file);
  }
});

test('no package is below the version that mends its published flaws (covers: SEC-128)', () => {
  const low = locked.filter(({ name, version }) => floors[name] && version && isBelow(version, floors[name]));
  assert.deepEqual(
    low.map(({ path, version }) => `${path} ${version}`),
    [],
  );
});

test('docs/dependencies.md gives a reason for each direct dependency and for no other (covers: SEC-127)', () => {
  const page = readFileSync(join(checkout, 'docs/dependencies.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `([^`]+)` \| (.+) \| .+ \|$/gm)].map(([, name]) => name);
  const own = manifests[0];
  assert.ok(own);
  const names = dependenciesOf(own).map(({ name }) => name);
  assert.deepEqual(rows.toSorted(), names.toSorted());
});

test('versions compare by their numbers', () => {
  assert.ok(isBelow('5.9.9', '5.12.1'));
  assert.ok(!isBelow('5.12.1', '5.12.1'));
  assert.ok(!isBelow('6.0.0', '5.12.1'));
});

function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(checkout, path), 'utf8')) as Record<string, unknown>;
}

function dependenciesOf(manifest: Record<string, unknown>): { name: string; version: string }[] {
  return ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((field) =>
    Object.entries((manifest[field] ?? {}) as Record<string, string>).map(([name, version]) => ({ name, version })),
  );
}

function isBelow(version: string, floor: string): boolean {
  const [left, right] = [version, floor].map((text) => text.split('.').map(Number));
  const at = left?.findIndex((part, index) => part !== right?.[index]) ?? -1;
  return at >= 0 && (left?.[at] ?? 0) < (right?.[at] ?? 0);
}
