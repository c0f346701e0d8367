// What a Panel can change by pushing a configuration, on disk and in memory: the allow-list and nothing else.
import assert from 'node:assert/strict';
import {
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parse } from 'yaml';
import type { Config, Flavour } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/config-error.ts';
import { ConfigHolder } from '../../../src/config/config-holder.ts';
import type { Environment } from '../../../src/config/environment.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { PanelUpdateRefused } from '../../../src/config/panel-update.ts';
import { wingsKeys } from '../../../src/config/wings-keys.ts';
import type { writeDurable } from '../../../src/volumes/write-durable.ts';
import { recordedLog } from '../../support/recorded-log.ts';

let root: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'panel-update-')));
});

afterEach(() => rm(root, { recursive: true, force: true }));

const text = `# our node
token_id: old-id
token: "old" # keep me
custom: {of: ours}
api: {host: 127.0.0.1, port: 8080, upload_limit: 100}
remote: https://panel.example
`;

interface Setup {
  yaml?: string;
  flavour?: Flavour;
  env?: Environment;
  replace?: typeof writeDurable;
}

async function setUp({ yaml = text, flavour = 'pelican', env = {}, replace }: Setup = {}) {
  const directory = join(root, flavour);
  await mkdir(directory, { recursive: true });
  const path = join(directory, 'config.yml');
  await writeFile(path, `${yaml}system: {root_directory: ${root}/lib}\n`, { mode: 0o600 });
  await mkdir(join(root, 'lib/volumes'), { recursive: true });
  const config = await loadConfig({ path, env, warn: assert.fail });
  const log = recordedLog();
  const holder = new ConfigHolder({ config, log, env, ...(replace ? { replace } : {}) });
  return { holder, config, path, log, onDisk: () => readFile(path, 'utf8') };
}

const push = {
  debug: true,
  uuid: 'u-1',
  token_id: 'new-id',
  token: 'new',
  api: {
    host: '::',
    port: 9090,
    ssl: { enabled: true, cert: '/etc/letsencrypt/live/x/a.pem', key: '/etc/letsencrypt/live/x/b.pem' },
    upload_limit: 256,
  },
  system: { data: '/var/lib/pterodactyl/volumes', sftp: { bind_port: 2222 } },
  allowed_mounts: ['/'],
  remote: 'https://evil.example',
};

/** What is different, by path. */
function differences(one: unknown, other: unknown, path = ''): string[] {
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null)
    return Object.is(one, other) ? [] : [path];
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].flatMap((key) =>
    differences(
      (one as Record<string, unknown>)[key],
      (other as Record<string, unknown>)[key],
      path === '' ? key : `${path}.${key}`,
    ),
  );
}

for (const flavour of ['pterodactyl', 'pelican'] as const) {
  test(`${flavour}: the push of a Panel is taken as far as it may be (covers: SEC-28)`, async () => {
    const { holder, config, onDisk } = await setUp({ flavour });
    assert.deepEqual(await holder.applyPanelUpdate(push), { applied: true });
    assert.deepEqual(differences(config, holder.current).sort(), [
      ...['api.host', 'api.port', 'api.ssl.enabled', 'api.uploadLimit', 'debug', 'system.sftp.port'],
      ...['token.id', 'token.secret', 'uuid'],
    ]);
    assert.deepEqual(holder.current.token, { id: 'new-id', secret: 'new' });
    assert.equal(
      await onDisk(),
      `# our node
token_id: new-id
token: "new" # keep me
custom: {of: ours}
api: {host: "::", port: 9090, upload_limit: 256, ssl: {enabled: true}}
remote: https://panel.example
system: {root_directory: ${root}/lib, sftp: {bind_port: 2222}}
debug: true
uuid: u-1
`,
    );
  });
}

test('a body that sets every key there is changes only those of the list (covers: SEC-28)', async () => {
  const { holder, config, path, onDisk } = await setUp();
  const body: Record<string, unknown> = {};
  const hostile = {
    truth: true,
    text: 'evil',
    path: '/etc',
    integer: 7,
    factor: 7,
    duration: '7m',
    choice: 'evil',
    texts: ['/'],
    ranges: ['0.0.0.0/0'],
    map: { evil: { username: 'evil' } },
  };
  for (const { key, type } of wingsKeys) {
    if (key.startsWith('api.ssl.') && type === 'path') continue;
    const words = key.split('.');
    const leaf = words.pop() ?? '';
    let block = body;
    for (const word of words) {
      block[word] ??= {};
      block = block[word] as Record<string, unknown>;
    }
    block[leaf] = key === 'system.sftp.bind_port' ? 8 : hostile[type];
  }
  await holder.applyPanelUpdate(body);
  const allowed = [
    'debug',
    'uuid',
    'token_id',
    'token',
    'api.host',
    'api.port',
    'api.ssl.enabled',
    'api.upload_limit',
    'system.sftp.bind_port',
  ];
  const before = parse(`${text}system: {root_directory: ${root}/lib}\n`);
  assert.deepEqual(differences(before, parse(await onDisk())).sort(), expandedPaths(before, allowed).sort());
  const changed = [
    'api.host',
    'api.port',
    'api.ssl.enabled',
    'api.uploadLimit',
    'debug',
    'system.sftp.port',
    'token.id',
    'token.secret',
    'uuid',
  ];
  assert.deepEqual(differences(config, holder.current).sort(), changed);
  const again = await loadConfig({ path, env: {}, warn: assert.fail });
  assert.deepEqual(
    differences(config, again)
      .filter((key) => key !== 'aileron.log.level')
      .sort(),
    changed,
  );
});

/** `differences` names the block where one side has none. */
function expandedPaths(before: Record<string, unknown>, allowed: readonly string[]): string[] {
  return [
    ...new Set(
      allowed.map((path) => {
        const words = path.split('.');
        let at: unknown = before;
        for (const [depth, word] of words.entries()) {
          at = (at as Record<string, unknown>)[word];
          if (at === undefined) return words.slice(0, depth + 1).join('.');
        }
        return path;
      }),
    ),
  ];
}

describe('what is left out is told once', () => {
  test('other values than ours, however the keys are written', async () => {
    const { holder, log } = await setUp();
    await holder.applyPanelUpdate({
      ...push,
      DOCKER: { registries: {} },
      api: { Trusted_Proxies: ['::/0'], port: 8081 },
    });
    const told = log.lines.filter(({ message }) => message.includes('may not change'));
    assert.deepEqual(
      told.map(({ fields }) => (fields as { keys: string[] }).keys),
      [['api.trusted_proxies', 'system.data', 'allowed_mounts', 'remote', 'docker']],
    );
  });

  test('the same values are not worth a word', async () => {
    const { holder, log, config } = await setUp();
    await holder.applyPanelUpdate({ remote: config.remote, system: { data: config.system.data }, allowed_mounts: [] });
    assert.deepEqual(
      log.lines.filter(({ message }) => message.includes('may not change')),
      [],
    );
  });

  test('names are bounded', async () => {
    const { holder, log } = await setUp();
    await holder.applyPanelUpdate(
      Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`${n}${'x'.repeat(500)}`, n])),
    );
    const [told] = log.lines.filter(({ message }) => message.includes('may not change'));
    const keys = told?.fields['keys'] as string[];
    assert.equal(keys.length, 20);
    assert.ok(keys.every((key) => key.length <= 64));
  });
});

describe('keys', () => {
  test('count whatever their capitals; the last one wins; null says nothing', async () => {
    const { holder } = await setUp();
    await holder.applyPanelUpdate({ TOKEN: 'first', Token: 'second', API: { Port: 1234, host: null }, uuid: null });
    const { token, api, uuid } = holder.current;
    assert.deepEqual([token.secret, api.port, api.host, uuid], ['second', 1234, '127.0.0.1', '']);
  });

  test('that are absent stay, and an empty token is no token', async () => {
    const { holder, onDisk } = await setUp();
    const before = await onDisk();
    await holder.applyPanelUpdate({ token: '' });
    assert.equal(holder.current.token.secret, 'old');
    assert.equal(await onDisk(), before);
    await holder.applyPanelUpdate({ token: 'old', api: { port: 8080 } });
    assert.equal(holder.current.token.secret, 'old');
    assert.equal(await onDisk(), before);
  });
});

describe('what cannot be taken changes nothing (covers: SEC-28)', () => {
  for (const [title, body] of [
    ['a list', []],
    ['a text', 'debug'],
    ['nothing', null],
    ['a number for a text', { uuid: 'new', token: 5 }],
    ['a text for a number', { uuid: 'new', api: { port: '8080' } }],
    ['a list for a block', { uuid: 'new', api: [] }],
    ['a text for a truth', { uuid: 'new', debug: 'true' }],
    ['a port of 0', { uuid: 'new', api: { port: 0 } }],
    ['a port beyond all', { uuid: 'new', system: { sftp: { bind_port: 65_536 } } }],
    ['a port with a fraction', { uuid: 'new', api: { port: 80.5 } }],
    ['one port for two doors', { uuid: 'new', api: { port: 2022 } }],
    ['the port of the kube API', { uuid: 'new', system: { sftp: { bind_port: 8443 } } }],
    ['a token from a file of this machine', { uuid: 'new', token: 'file:///etc/shadow' }],
    ['a token from the environment', { uuid: 'new', token_id: '$SECRET' }],
    ['a token with a line break', { uuid: 'new', token: 'a\nb' }],
    ['a host that is none', { uuid: 'new', api: { host: 'a b' } }],
    ['a uuid of two lines', { uuid: 'new\nremote: x' }],
    ['a certificate that is nowhere', { uuid: 'new', api: { ssl: { cert: '/nowhere/c.pem', key: '/nowhere/k.pem' } } }],
    ['a certificate by a relative path', { uuid: 'new', api: { ssl: { cert: 'c.pem', key: 'k.pem' } } }],
  ] as const) {
    test(title, async () => {
      const { holder, config, onDisk } = await setUp();
      const before = await onDisk();
      await assert.rejects(holder.applyPanelUpdate(body), PanelUpdateRefused);
      assert.equal(holder.current, config);
      assert.equal(await onDisk(), before);
    });
  }

  test('deep nesting in what is ignored does no harm', async () => {
    const { holder } = await setUp();
    const deep = JSON.parse(`{"docker":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`);
    assert.deepEqual(await holder.applyPanelUpdate(deep), { applied: true });
  });

  test('prototype keys are ignored', async () => {
    const { holder } = await setUp();
    await holder.applyPanelUpdate(
      JSON.parse('{"__proto__":{"debug":true},"constructor":{"prototype":{"debug":true}}}'),
    );
    assert.equal(holder.current.debug, false);
    assert.equal(({} as Record<string, unknown>)['debug'], undefined);
  });
});

describe('certificates', () => {
  const pair = async (directory: string) => {
    await mkdir(directory, { recursive: true });
    const [cert, key] = [join(directory, 'c.pem'), join(directory, 'k.pem')];
    await writeFile(cert, 'c');
    await writeFile(key, 'k');
    return { cert, key };
  };

  test('elsewhere are taken when they are there', async () => {
    const { holder } = await setUp();
    const ssl = { enabled: true, ...(await pair(join(root, 'tls'))) };
    await holder.applyPanelUpdate({ api: { ssl } });
    assert.deepEqual(holder.current.api.ssl, ssl);
    // Only one of both names the place that every Panel guesses: both stay.
    await holder.applyPanelUpdate({ api: { ssl: { enabled: false, cert: '/etc/letsencrypt/live/n/fullchain.pem' } } });
    assert.deepEqual(holder.current.api.ssl, { ...ssl, enabled: false });
  });

  test('among the files of servers are refused, behind a link too (covers: SEC-28)', async () => {
    const { holder, config } = await setUp();
    const inside = await pair(join(config.system.data, '11111111-1111-4111-8111-111111111111'));
    await symlink(config.system.data, join(root, 'alias'));
    const behind = { cert: inside.cert.replace(config.system.data, join(root, 'alias')), key: inside.key };
    for (const ssl of [inside, behind])
      await assert.rejects(holder.applyPanelUpdate({ api: { ssl } }), /among the files of servers/);
    assert.equal(holder.current, config);
  });
});

describe('where the token comes from', () => {
  test('the environment keeps its own, and that is told', async () => {
    const { holder, log, onDisk } = await setUp({ env: { WINGS_TOKEN: 'env' } });
    await holder.applyPanelUpdate({ token_id: 'new-id', token: 'new', api: { upload_limit: 5 } });
    assert.deepEqual(holder.current.token, { id: 'new-id', secret: 'env' });
    assert.match(await onDisk(), /^token: "old" # keep me$/m);
    assert.match(await onDisk(), /^token_id: new-id$/m);
    assert.ok(
      log.lines.some(
        ({ message, fields }) => message.includes('environment') && JSON.stringify(fields).includes('["token"]'),
      ),
    );
  });

  test('a variable in the file is the environment too', async () => {
    const { holder, onDisk } = await setUp({ yaml: 'token: $NODE_TOKEN\n', env: { NODE_TOKEN: 'env' } });
    await holder.applyPanelUpdate({ token: 'new' });
    assert.equal(holder.current.token.secret, 'env');
    assert.match(await onDisk(), /^token: \$NODE_TOKEN$/m);
  });

  test('a file stays named, the new token counts, and that the file is stale is told', async () => {
    await writeFile(join(root, 'secret'), 'old\n', { mode: 0o600 });
    const { holder, log, onDisk } = await setUp({ yaml: `token: file://${root}/secret\n` });
    await holder.applyPanelUpdate({ token: 'new' });
    assert.equal(holder.current.token.secret, 'new');
    assert.match(await onDisk(), /^token: file:\/\//m);
    assert.equal(await readFile(join(root, 'secret'), 'utf8'), 'old\n');
    assert.ok(log.lines.some(({ message }) => message.includes('has the old ones')));
  });
});

describe('what is in force', () => {
  test('changes for everybody at once, and whoever asked to hear of it does', async () => {
    const { holder } = await setUp();
    const { live } = holder;
    const heard: [string, string][] = [];
    holder.onChange((now, before) => heard.push([before.token.secret, now.token.secret]));
    const secret = () => live.token.secret;
    assert.equal(secret(), 'old');
    await holder.applyPanelUpdate({ token: 'new' });
    assert.equal(secret(), 'new');
    assert.deepEqual(heard, [['old', 'new']]);
    assert.deepEqual(Object.keys(live), Object.keys(holder.current));
  });

  test('what waits for a restart is known until it is taken back', async () => {
    const { holder, log } = await setUp();
    assert.deepEqual(holder.pendingRestart(), []);
    await holder.applyPanelUpdate({
      debug: true,
      token: 'new',
      api: { port: 9000, upload_limit: 1 },
      system: { sftp: { bind_port: 3000 } },
    });
    assert.deepEqual(holder.pendingRestart(), ['debug', 'api.port', 'system.sftp.bind_port']);
    assert.ok(log.lines.some(({ message }) => message.includes('wait for a restart')));
    await holder.applyPanelUpdate({ debug: false, api: { port: 8080 }, system: { sftp: { bind_port: 2022 } } });
    assert.deepEqual(holder.pendingRestart(), []);
  });

  test('nothing is taken when the owner says so', async () => {
    const { holder, onDisk } = await setUp({ yaml: `${text}ignore_panel_config_updates: yes\n` });
    const before = await onDisk();
    assert.deepEqual(await holder.applyPanelUpdate('not even an object'), { applied: false });
    assert.deepEqual(await holder.applyPanelUpdate(push), { applied: false });
    assert.equal(await onDisk(), before);
  });

  test('pushes that come at once are taken one after the other, none is lost', async () => {
    const { holder, onDisk } = await setUp();
    const pushes = Array.from({ length: 12 }, (_, n) =>
      holder.applyPanelUpdate(
        n % 3 === 0 ? { uuid: `u${n}` } : n % 3 === 1 ? { api: { upload_limit: n } } : { debug: 'wrong' },
      ),
    );
    const ends = await Promise.allSettled(pushes);
    assert.equal(ends.filter(({ status }) => status === 'rejected').length, 4);
    assert.deepEqual([holder.current.uuid, holder.current.api.uploadLimit], ['u9', 10]);
    assert.match(await onDisk(), /upload_limit: 10\}[\s\S]*uuid: u9\n/);
  });
});

describe('the file', () => {
  const failing = (code: string) => async () => {
    throw Object.assign(new Error(`${code}: no`), { code });
  };

  test('keeps what its owner wrote into it since the start', async () => {
    const { holder, path, onDisk } = await setUp();
    await writeFile(path, `${await onDisk()}# by hand\nallowed_mounts: [/srv]\n`);
    await holder.applyPanelUpdate({ token: 'new' });
    assert.match(await onDisk(), /token: "new" # keep me[\s\S]*# by hand\nallowed_mounts: \[\/srv\]\n$/);
    assert.deepEqual(holder.current.allowedMounts, []);
  });

  test('is closed to others, and nothing is left beside it (covers: SEC-124)', async () => {
    const { holder, path } = await setUp();
    await chmod(path, 0o644);
    await holder.applyPanelUpdate({ token: 'new' });
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(path, '..')), ['config.yml']);
  });

  test('behind a link is changed where it is', async () => {
    const { holder, path } = await setUp();
    const elsewhere = join(root, 'real.yml');
    await writeFile(elsewhere, await readFile(path), { mode: 0o600 });
    await rm(path);
    await symlink(elsewhere, path);
    await holder.applyPanelUpdate({ token: 'new' });
    assert.match(await readFile(elsewhere, 'utf8'), /token: "new"/);
  });

  for (const code of ['EBUSY', 'EXDEV', 'EACCES', 'EROFS']) {
    test(`that cannot be replaced (${code}, as a mount point) is written over`, async () => {
      const { holder, path, onDisk } = await setUp({ replace: failing(code) });
      await link(path, join(root, 'same'));
      const before = await onDisk();
      await holder.applyPanelUpdate({ token_id: 'x', token: 'n' });
      assert.equal(await onDisk(), before.replace('old-id', 'x').replace('"old"', '"n"'));
      assert.equal((await stat(path)).ino, (await stat(join(root, 'same'))).ino);
      assert.equal(holder.current.token.secret, 'n');
    });
  }

  test('that cannot be written leaves everything as it was', async () => {
    const { holder, config, onDisk } = await setUp({ replace: failing('ENOSPC') });
    const before = await onDisk();
    await assert.rejects(holder.applyPanelUpdate({ token: 'new' }), ConfigError);
    assert.equal(holder.current, config);
    assert.equal(await onDisk(), before);
  });

  test('that is gone or broken meanwhile leaves everything as it was', async () => {
    const { holder, config, path } = await setUp();
    await writeFile(path, 'token: x\n y: z\n');
    await assert.rejects(holder.applyPanelUpdate({ token: 'new' }), ConfigError);
    await rm(path);
    await assert.rejects(holder.applyPanelUpdate({ token: 'new' }), ConfigError);
    assert.equal(holder.current, config);
  });

  test('without a change is not written', async () => {
    const { holder, config, path } = await setUp({ replace: async () => assert.fail('written') });
    const before = await stat(path);
    const { token, api } = config as Config;
    await holder.applyPanelUpdate({ token: token.secret, token_id: token.id, api: { port: api.port } });
    assert.equal((await stat(path)).mtimeMs, before.mtimeMs);
  });
});
