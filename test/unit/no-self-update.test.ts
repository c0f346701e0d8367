// The daemon never updates itself: there is no way by which somebody could have it run other code. It is put on the node, and
// exchanged there, by whoever owns the node (SECURITY.md).
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { commandLine } from '../../src/cli/program.ts';
import { testIo } from '../support/cli-io.ts';
import { checkout, sourceFiles } from '../support/source-files.ts';

const product = sourceFiles('src', 'controllers');
const aboutUpdates = /updat|upgrad|self|fetch-release/i;

test('no command updates the daemon (covers: SEC-126)', () => {
  const { program } = commandLine(testIo());
  const below = program.commands.flatMap((command) => [command, ...command.commands]);
  assert.ok(below.length > 20);
  assert.deepEqual(
    below.flatMap((command) => [command.name(), ...command.aliases()]).filter((name) => aboutUpdates.test(name)),
    [],
  );
});

test('no route updates the daemon: /api/update is about settings, and nothing else is near it (covers: SEC-126)', () => {
  const routes = product
    .filter(({ path }) => path.startsWith('src/http/'))
    .flatMap(({ code }) => [...code.matchAll(/['"`](\/[a-z][\w/:.-]*)['"`]/g)].map(([, route = '']) => route));
  assert.ok(new Set(routes).size > 30);
  assert.deepEqual([...new Set(routes.filter((route) => aboutUpdates.test(route)))], ['/api/update']);
});

test('the few programs that are started fetch nothing (covers: SEC-126)', () => {
  const starters = product.filter(({ imports }) =>
    imports.some(({ specifier }) => /^(?:node:)?child_process$/.test(specifier)),
  );
  // Two run modules of this checkout, one makes the user of the servers, one asks for the time zone.
  assert.deepEqual(starters.map(({ path }) => path).sort(), [
    'src/archive/process-runner.ts',
    'src/config/system-user.ts',
    'src/config/timezone.ts',
    'src/manifests/parse-process.ts',
  ]);
  const packagers = product.filter(({ code }) =>
    /['"`/](?:npm|npx|yarn|pnpm|git|curl|wget|apt|dpkg|rpm)['"`]/.test(code),
  );
  assert.deepEqual(
    packagers.map(({ path }) => path),
    [],
  );
});

test('where its own code is, the daemon only reads (covers: SEC-126, SEC-123)', () => {
  // Threads and child processes from modules beside, and the version.
  const locating = /new URL\('\.(?:\/[a-z-]+\.ts|\.\/\.\.\/package\.json)', import\.meta\.url\)/g;
  for (const { path, code } of product) {
    assert.doesNotMatch(code.replace(locating, ''), /import\.meta\.(?:url|dirname|filename)/, path);
  }
  const unit = readFileSync(join(checkout, 'manifests/deploy/aileron.service'), 'utf8');
  const writable = [...unit.matchAll(/^ReadWritePaths=(.*)$/gm)].flatMap(([, paths = '']) => paths.split(' '));
  const [, program = ''] = /^ExecStart=(\S+)/m.exec(unit) ?? [];
  assert.deepEqual(
    writable.filter((one) => program.startsWith(`${one.replace(/^-/, '')}/`)),
    [],
  );
});
