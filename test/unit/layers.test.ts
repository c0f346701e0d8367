// The layout of docs/architecture.md as rules over all imports, and the few constructs that no file may use.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SourceFile, sourceFiles, withoutComments } from '../support/source-files.ts';

const product = sourceFiles('src', 'controllers');
const everything = [...product, ...sourceFiles('test')];

/** What each part may import, by the start of a path. Its own folder always; `src/main.ts` and its chapters in `src/daemon/` everything. */
const foundation = ['src/clock/', 'src/telemetry/', 'src/text/'];
const contracts = [
  ...foundation,
  'src/resources/',
  'src/store/store.ts',
  'src/store/errors.ts',
  'src/config/config.ts',
];
/** What others ask of the Panel, and its words for what we have. */
const panelInterface = [
  'src/panel/sync.ts',
  'src/panel/panel-api.ts',
  'src/panel/panel-errors.ts',
  'src/panel/server-answer.ts',
  'src/panel/owed.ts',
];
const layers: Record<string, string[]> = {
  'src/clock/': [],
  'src/text/': [],
  'src/telemetry/': [...foundation, 'src/resources/', 'src/bus/'],
  'src/config/': [...foundation, 'src/resources/schema-parts.ts', 'src/volumes/write-durable.ts'],
  // What a write changes in an object is the same before admission as in the store.
  'src/resources/': [...contracts, 'src/store/merge-patch.ts', 'src/store/object-write.ts'],
  'src/store/': [...foundation, 'src/resources/'],
  'src/bus/': contracts,
  'src/volumes/': contracts,
  'src/diagnostics/': [...contracts, 'src/config/secrets.ts', 'src/docker/engine.ts'],
  'src/handover/': [...contracts, 'src/volumes/write-durable.ts'],
  'src/machine/': foundation,
  // The job runs in a process of its own and imports only what it needs.
  'src/archive/': [...contracts, 'src/volumes/'],
  // Its thread imports what the parsers need; the daemon only asks.
  'src/egg/': [...contracts, 'src/volumes/'],
  'src/objectstore/': [...contracts, 'src/volumes/', 'src/archive/sidecar.ts'],
  'src/docker/': contracts,
  'src/containers/': [...contracts, 'src/config/host-facts.ts', 'src/docker/engine.ts'],
  'src/console/': [...contracts, 'src/bus/', 'src/docker/engine.ts'],
  'src/runtime/': contracts,
  'src/activity/': [...contracts, 'src/bus/', 'src/panel/panel-api.ts', 'src/panel/panel-errors.ts'],
  'src/panel/': [...contracts, 'src/bus/', 'src/runtime/'],
  'src/manifests/': [...contracts, 'src/bus/', 'src/volumes/', 'src/runtime/'],
  'src/http/': [
    ...contracts,
    ...panelInterface,
    'src/activity/activity.ts',
    'src/bus/',
    'src/volumes/',
    'src/console/',
    'src/docker/engine.ts',
    'src/machine/',
    'src/runtime/',
    'src/objectstore/object-store.ts',
    'src/archive/runner.ts',
    'src/archive/plan.ts',
  ],
  'src/startup-errors.ts': [...contracts, 'src/config/', 'src/docker/engine.ts'],
  // A client of the daemon's doors, and the doctor of what lies below them.
  'src/cli/': [
    ...contracts,
    'src/main.ts',
    'src/config/',
    'src/diagnostics/',
    'src/docker/',
    'src/manifests/',
    'src/volumes/',
    'src/http/kube/pki/',
    'src/http/wings/origins.ts',
    'src/http/wings/token.ts',
  ],
  'controllers/': [
    ...contracts,
    ...panelInterface,
    'src/activity/activity.ts',
    'src/runtime/',
    'src/bus/',
    'src/volumes/',
    'src/console/',
    'src/docker/engine.ts',
    'src/docker/feed.ts',
    'src/docker/reference.ts',
    'src/docker/runc.ts',
    'src/containers/',
    'src/config/',
    'src/archive/runner.ts',
    'src/archive/plan.ts',
    'src/objectstore/',
    'src/egg/config-file.ts',
    'src/egg/egg-configuration.ts',
  ],
};

/** Packages with a home, so that the rest of the daemon does not know them. */
const homes: Record<string, string[]> = {
  dockerode: ['src/docker/'],
  fastify: ['src/http/'],
  '@fastify/websocket': ['src/http/'],
  jose: ['src/http/'],
  '@peculiar/x509': ['src/http/'],
  commander: ['src/cli/'],
  pino: ['src/telemetry/'],
  ajv: ['src/resources/'],
  re2js: ['src/resources/', 'src/egg/', 'controllers/server/'],
  'node:sqlite': ['src/store/', 'src/activity/'],
  koffi: ['src/archive/'],
  croner: ['src/resources/', 'controllers/schedule/'],
};

test('every part imports only what lies below it', () => {
  const wrong = everyImport(product).filter(({ file, target }) => target && !mayImport(file.path, target));
  assert.deepEqual(wrong.map(named), []);
});

test('a controller imports no other controller', () => {
  const kindOf = (path: string) => path.split('/')[1];
  const wrong = everyImport(product).filter(
    ({ file, target }) =>
      target?.startsWith('controllers/') &&
      file.path.startsWith('controllers/') &&
      kindOf(file.path) !== kindOf(target),
  );
  assert.deepEqual(wrong.map(named), []);
});

test('a library is known only in the folders that are its home', () => {
  const wrong = everyImport(product).filter(({ file, specifier }) => {
    const home = homes[packageOf(specifier)];
    return home !== undefined && !home.some((folder) => file.path.startsWith(folder));
  });
  assert.deepEqual(wrong.map(named), []);
});

test('what runs in production is a dependency of its own', () => {
  const developmentOnly = everyImport(product).filter(
    ({ specifier, typeOnly }) => !typeOnly && ['typebox', 'typescript'].includes(packageOf(specifier)),
  );
  assert.deepEqual(developmentOnly.map(named), []);
});

test('relative imports name a file with its extension, and the file exists', () => {
  const known = new Set(everything.map(({ path }) => path));
  const wrong = everyImport(everything).filter(
    ({ target }) => target && !known.has(target) && !target.startsWith('bin/') && !target.endsWith('.json'),
  );
  assert.deepEqual(wrong.map(named), []);
});

test('no import leads back to its own file', () => {
  assert.deepEqual(findCycles(everything), []);
});

test('there are no default exports, no barrels and nothing exported twice', () => {
  const wrong = everything.flatMap(({ path, code }) => [
    ...(/^export default\b/m.test(code) ? [`${path}: default export`] : []),
    ...(/^export\s+(?:type\s+)?(?:\*|\{[^}]*\}\s*from\b)/m.test(code)
      ? [`${path}: exports what another file has`]
      : []),
  ]);
  assert.deepEqual(wrong, []);
});

test('programs are started with separate arguments and without a shell (covers: SEC-84)', () => {
  const wrong = product.flatMap(({ path, code }) => [
    ...(/\bshell:\s*(?!false)/.test(code) ? [`${path}: shell option`] : []),
    ...childProcessNames(code)
      .filter((name) => !['spawn', 'fork', 'execFile', 'ChildProcess', 'ChildProcessByStdio'].includes(name))
      .map((name) => `${path}: ${name}`),
    ...(/import \* as \w+ from 'node:child_process'/.test(code) ? [`${path}: whole module`] : []),
  ]);
  assert.deepEqual(wrong, []);
});

test('programs are named by absolute paths (covers: SEC-84)', () => {
  const call = /\b(?:spawn|execFile|promisify\(execFile\))\(\s*['"`]([^/'"`$][^'"`]*)['"`]/g;
  const wrong = product
    .filter(({ code }) => childProcessNames(code).length > 0)
    .flatMap(({ path, code }) => [...code.matchAll(call)].map(([, program]) => `${path}: ${program}`));
  assert.deepEqual(wrong, []);
});

test('nothing is evaluated and no module is chosen by data (covers: SEC-125)', () => {
  const forbidden =
    /\beval\(|\bnew Function\(|\bFunction\(\s*['"`]|\bimport\(\s*(?!['"])|from 'node:vm'|from 'vm'|\bcreateRequire\b/;
  const wrong = product.filter(({ code }) => forbidden.test(code)).map(({ path }) => path);
  assert.deepEqual(wrong, []);
});

test('only the configuration reads the environment, only the command line the arguments and the signals', () => {
  const outside = (path: string, ...homesOf: string[]) => !homesOf.some((home) => path.startsWith(home));
  const wrong = product.flatMap(({ path, code }) => [
    ...(/\bprocess\.env\b/.test(code) && outside(path, 'src/config/') ? [`${path}: process.env`] : []),
    ...(/\bprocess\.argv\b/.test(code) && outside(path, 'src/main.ts', 'src/cli/') ? [`${path}: process.argv`] : []),
    ...(/\bprocess\.(?:on|once)\(\s*['"]SIG/.test(code) && outside(path, 'src/main.ts', 'src/cli/')
      ? [`${path}: signal`]
      : []),
    ...(/\bprocess\.exit\(/.test(code) && outside(path, 'src/main.ts') ? [`${path}: process.exit`] : []),
  ]);
  assert.deepEqual(wrong, []);
});

test('every file of the product opens by saying what it is', () => {
  const wrong = product.filter(({ text }) => !/^(?:#![^\n]*\n)?\/[/*]/.test(text)).map(({ path }) => path);
  assert.deepEqual(wrong, []);
});

test('comments are told from strings, templates and expressions', () => {
  const template = `c = \`// \${'$'}{a} /* */\``;
  const text = `a = 'http://x'; // one\nb = /\\/\\/[/*]x/; /* two\nlines */ ${template};`;
  assert.equal(withoutComments(text), `a = 'http://x'; \nb = /\\/\\/[/*]x/;  ${template};`);
});

function mayImport(from: string, target: string): boolean {
  if (from === 'src/main.ts' || from.startsWith('src/daemon/'))
    return !target.startsWith('test/') && target !== 'src/cli/aileron.ts';
  const [home, allowed] = Object.entries(layers).find(([start]) => from.startsWith(start)) ?? ['', []];
  assert.notEqual(home, '', `${from} belongs to no layer: add its folder to this test and to docs/architecture.md`);
  return target.startsWith(home) || allowed.some((start) => target.startsWith(start));
}

function everyImport(files: readonly SourceFile[]) {
  return files.flatMap((file) => file.imports.map((one) => ({ file, ...one })));
}

function named({ file, specifier }: { file: SourceFile; specifier: string }): string {
  return `${file.path} → ${specifier}`;
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Names imported from child_process. */
function childProcessNames(code: string): string[] {
  return [...code.matchAll(/import\s+(?:type\s+)?\{([^}]*)\}\s+from\s+['"](?:node:)?child_process['"]/g)].flatMap(
    ([, names = '']) =>
      names
        .split(',')
        .map(
          (name) =>
            name
              .trim()
              .replace(/^type\s+/, '')
              .split(/\s+as\s+/)[0] ?? '',
        )
        .filter((name) => name !== ''),
  );
}

/** Each cycle once, as its files joined by arrows. Types count too: who knows whom is the question. */
function findCycles(files: readonly SourceFile[]): string[] {
  const targets = new Map(
    files.map((file) => [file.path, file.imports.filter((one) => !one.dynamic).flatMap(({ target }) => target ?? [])]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      cycles.push([...trail.slice(start), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const target of targets.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  return cycles;
}
