// Where bin/launch.mjs lets Node keep compiled code: the same place that the daemon would find, or none at all, and
// never one that others can write to.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { checkout } from '../support/source-files.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

interface Glance {
  openCompileCache(args: readonly string[], env: Record<string, string>): string | undefined;
  stateDirectory(config: string, env: Record<string, string>): string | undefined;
}
const path = join(checkout, 'bin/compile-cache.mjs');
const { openCompileCache, stateDirectory } = (await import(path)) as Glance;

/** Each with what `aileron.yml` and `config.yml` say beside the token. */
const understood: Record<string, [own: string, wings: string, env?: Record<string, string>]> = {
  'nothing at all': ['', ''],
  'a flavour': ['flavour: pterodactyl', ''],
  'a flavour of Wings': ['', "flavour: 'pterodactyl' # said there"],
  'the flavour wins that is ours': ['flavour: pelican', 'flavour: pterodactyl'],
  'a plain path': ['store:\n  path: /srv/state/store.db', ''],
  'a path with spaces, quoted': ['store:\n  path: "/srv/the state/store.db"', ''],
  'a path with spaces, plain, and a comment': ['store:\n    # here\n    path: /srv/the state/store.db  # so', ''],
  'single quotes': ["store:\n  path: '/srv/it''s/store.db'", ''],
  'a relative path': ['store:\n  path: state/store.db', ''],
  'a root directory': ['', 'system:\n  data: /srv/data\n  root_directory: /srv/root\n  sftp:\n    bind_port: 2022'],
  'paths of others': [
    'manifests: /srv/path',
    'docker:\n  log_config:\n    path: /x\nsystem:\n  root_directory: /srv/root',
  ],
  'a variable': ['store:\n  path: /srv/a/store.db', '', { AILERON_STORE_PATH: '/srv/b/store.db' }],
  'a variable for the flavour': ['flavour: pelican', '', { AILERON_FLAVOUR: 'pterodactyl' }],
  'an empty variable': ['store:\n  path: /srv/a/store.db', '', { AILERON_STORE_PATH: '' }],
  'line ends of Windows': ['store:\r\n  path: /srv/a/store.db\r\nflavour: pelican\r\n', ''],
};

for (const [name, [own, wings, env = {}]] of Object.entries(understood)) {
  test(`finds the state directory as the daemon does: ${name}`, async (t) => {
    const config = files(temporaryDirectory(t), own, wings);
    const { aileron } = await loadConfig({ path: config, env, warn() {} });
    assert.equal(stateDirectory(config, env), dirname(aileron.store.path));
  });
}

const unclear: Record<string, [own: string, wings: string]> = {
  braces: ['store: { path: /srv/a/store.db }', ''],
  'quoted keys': ['"store":\n  path: /srv/a/store.db', ''],
  'a quoted key inside': ['store:\n  "path": /srv/a/store.db', ''],
  'several lines': ['store:\n  path: >-\n    /srv/a/store.db', ''],
  'a path that goes on': ['store:\n  path: /srv/a\n    b/store.db', ''],
  'an anchor': ['store:\n  path: &here /srv/a/store.db', ''],
  null: ['store:\n  path: null', ''],
  'braces in config.yml': ['', 'system: {root_directory: /srv/root}'],
};

for (const [name, [own, wings]] of Object.entries(unclear)) {
  test(`makes no cache where a glance does not tell: ${name}`, (t) => {
    const config = files(temporaryDirectory(t), own, wings);
    assert.equal(stateDirectory(config, {}), undefined);
    assert.equal(openCompileCache(['up', '--config', config], {}), undefined);
  });
}

test('the daemon makes the folder, closed to others; other commands only use it', (t) => {
  const directory = temporaryDirectory(t);
  const config = files(directory, `store:\n  path: ${JSON.stringify(join(directory, 'the state/store.db'))}`, '');
  const folder = join(directory, 'the state/compile-cache');
  assert.equal(openCompileCache(['get', 'servers', '--config', config], {}), undefined);
  assert.equal(existsSync(folder), false);
  assert.equal(openCompileCache(['up', '--config', config], {}), folder);
  assert.equal(lstatSync(folder).mode & 0o777, 0o700);
  assert.equal(lstatSync(dirname(folder)).mode & 0o777, 0o700);
  assert.equal(openCompileCache(['get', `--config=${config}`], {}), folder);
  assert.equal(openCompileCache([], { AILERON_CONFIG: config }), folder);
});

test('a folder that others can write to is not used (covers: SEC-125)', (t) => {
  const directory = temporaryDirectory(t);
  const state = join(directory, 'state');
  const config = files(directory, 'store:\n  path: state/store.db', '');
  const open = () => openCompileCache(['up', '--config', config], {});
  const folder = open();
  assert.equal(folder, join(state, 'compile-cache'));
  chmodSync(folder ?? '', 0o755);
  assert.equal(open(), undefined);
  chmodSync(folder ?? '', 0o700);
  chmodSync(state, 0o777);
  assert.equal(open(), undefined);
  chmodSync(state, 0o700);
  assert.equal(open(), folder);

  const other = join(directory, 'other');
  mkdirSync(join(other), { mode: 0o700 });
  symlinkSync(folder ?? '', join(other, 'compile-cache'));
  assert.equal(
    openCompileCache(['up', '--config', config], { AILERON_STORE_PATH: join(other, 'store.db') }),
    undefined,
  );
});

test('what is wrong with the command line or the files is left to the daemon', () => {
  assert.equal(openCompileCache(['up', '--config'], {}), undefined);
  assert.equal(openCompileCache(['up', '--config', '/proc/self/mem'], {}), undefined);
});

function files(directory: string, own: string, wings: string): string {
  const config = join(directory, 'config.yml');
  writeFileSync(config, `token: secret\n${wings}\n`, { mode: 0o600 });
  writeFileSync(join(directory, 'aileron.yml'), `${own}\n`);
  return config;
}
