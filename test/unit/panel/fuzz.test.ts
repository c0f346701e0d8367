// A Panel that answers anything: valid answers with bytes changed, by the thousand, through the client, the translation and
// admission, to the container and the files that come of them. Each answer has a number, by which it can be looked at again.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Registry } from 'prom-client';
import { containerBody } from '../../../controllers/server/container-body.ts';
import { allowedMounts } from '../../../controllers/server/mounts.ts';
import { type Clock, systemClock } from '../../../src/clock/clock.ts';
import type { Config, Flavour } from '../../../src/config/config.ts';
import { PanelUpdateRefused, panelUpdate } from '../../../src/config/panel-update.ts';
import { UnbuildableError } from '../../../src/containers/unbuildable.ts';
import { editFile } from '../../../src/egg/edit-file.ts';
import { PanelClient } from '../../../src/panel/panel-client.ts';
import { isPanelError } from '../../../src/panel/panel-errors.ts';
import { createPanelMetrics } from '../../../src/panel/panel-metrics.ts';
import { BadRecordError, readServer } from '../../../src/panel/server-record.ts';
import { InvalidError, UnknownFieldsError } from '../../../src/resources/errors.ts';
import type { Server } from '../../../src/resources/server.ts';
import { silentLogger } from '../../../src/telemetry/log.ts';
import { aConfig, aHost } from '../../support/a-config.ts';
import { AdmissionBench, asPanel, uuidOf } from '../../support/an-admission.ts';
import { eggContext } from '../../support/egg.ts';
import { serverRecord } from '../../support/panel/server-record.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const answers = 3_000;
const pushes = 10_000;
const always = new AbortController().signal;
const uuid = 'd3aac109-e5a0-4331-b03e-3454f7e136dc';

type Roll = (sides: number) => number;

function dice(seed: number): Roll {
  let state = Math.imul(seed, 2_654_435_761) >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % sides;
  };
}

const hostile = [
  ...['null', 'true', '-1', '1e999', '9007199254740993', '""', '[]', '{}', '[[[[', '}', ',', '"', '\\', '\u0000'],
  ...['"../../outside/x"', '"/etc"', '"/"', '"/var/run/docker.sock"', '"/home/container/../.."', '"//etc/passwd"'],
  ...[
    '{"__proto__":{"polluted":true}}',
    '"__proto__":{"polluted":true},',
    '"constructor":{"prototype":{"polluted":true}},',
  ],
  ...[
    '"regex:(a+)+$"',
    '"{{config.token}}"',
    '"~a"',
    '"-v/:/x"',
    '"host"',
    '"\\u0000"',
    '"\\ud800"',
    `"${'x'.repeat(70_000)}"`,
  ],
  ...['"privileged":true,', '"mounts":[{"source":"/etc","target":"/e","read_only":false}],', '[1,2,3]', '"a\\nb"'],
].map((text) => Buffer.from(text));

/** Those that are JSON by themselves. */
const hostileValues = hostile.filter((word) => {
  try {
    JSON.parse(word.toString());
    return true;
  } catch {
    return false;
  }
});

function spoiled(text: string, roll: Roll): Buffer<ArrayBuffer> {
  let bytes = Buffer.from(text);
  for (let changes = 1 + roll(4); changes > 0; changes -= 1) bytes = spoiledOnce(bytes, roll);
  return bytes;
}

function spoiledOnce(bytes: Buffer<ArrayBuffer>, roll: Roll): Buffer<ArrayBuffer> {
  const at = roll(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + roll(40));
  const words = (list: readonly Buffer<ArrayBuffer>[]) => list[roll(list.length)] ?? Buffer.alloc(0);
  switch (roll(16)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([roll(256)]), bytes.subarray(at + 1)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), words(hostile), bytes.subarray(at)]);
    default: {
      // A whole value, so that what comes of it is JSON more often than not.
      const values = [
        ...bytes.toString('latin1').matchAll(/(?<=":)(?:"(?:[^"\\]|\\.)*"|-?\d+|true|false|null|\[\]|\{\})/g),
      ];
      const value = values[roll(Math.max(1, values.length))];
      if (!value) return bytes;
      const rest = bytes.subarray(value.index + value[0].length);
      return Buffer.concat([bytes.subarray(0, value.index), words(hostileValues), rest]);
    }
  }
}

/** What a node lets containers have, and what not. */
interface Sources {
  maps: string;
  outside: string;
}

function recordOf(flavour: Flavour, { maps, outside }: Sources): unknown {
  return serverRecord(flavour, {
    ...{ id: 7, uuid, name: 'Survival', description: 'x', image: 'ghcr.io/a/b:1', memory: 512, disk: 100, cpu: 50 },
    environment: { A: 'one', B: 2, C: true },
    allocations: [{ ip: '203.0.113.10', port: 25_565 }],
    mounts: [
      { source: maps, target: '/maps', read_only: true },
      { source: outside, target: '/outside', read_only: false },
    ],
    labels: { team: 'blue' },
    configs: [
      { file: 'link/x', parser: 'properties', replace: [{ match: 'a', replace_with: '2' }] },
      { file: 'server.properties', parser: 'properties', replace: [{ match: 'port', replace_with: '1' }] },
      { file: 'conf/a.yml', parser: 'yaml', replace: [{ match: 'a.b', if_value: 'regex:.*', replace_with: true }] },
    ],
  });
}

/** By the end of the path. */
function templates(flavour: Flavour, sources: Sources): [form: RegExp, text: string][] {
  const record = recordOf(flavour, sources);
  const meta = { current_page: 1, last_page: 1, total: 2 };
  return [
    [/\/install$/, JSON.stringify({ container_image: 'installer:1', entrypoint: 'ash', script: 'echo hi' })],
    [/\/sftp\/auth$/, JSON.stringify({ user: uuid, server: uuid, permissions: ['file.read'] })],
    [/\/backups\/[^/]+$/, JSON.stringify({ parts: ['https://bucket/1'], part_size: 1024 })],
    [/\/servers$/, JSON.stringify({ data: [record, record], meta })],
    [/\/servers\/[^/]+$/, JSON.stringify(record)],
  ];
}

/** Short pauses are none, and have passed all the same. */
function hurriedClock(): Clock {
  let passed = 0;
  return {
    now: () => systemClock.now() + passed,
    monotonic: () => systemClock.monotonic() + passed,
    after(ms, callback) {
      if (ms >= 15_000) return systemClock.after(ms, callback);
      passed += ms;
      return systemClock.after(0, callback);
    },
  };
}

async function aPanel(t: TestContext, flavour: Flavour, sources: Sources) {
  let number = 0;
  const known = templates(flavour, sources);
  const server = createServer((request, response) => {
    number += 1;
    const roll = dice(number);
    const path = new URL(request.url ?? '/', 'http://panel').pathname;
    const text = known.find(([form]) => form.test(path))?.[1] ?? '{}';
    const status = roll(12) === 0 ? ([204, 302, 401, 404, 409, 422, 429, 500][roll(8)] ?? 500) : 200;
    const headers: Record<string, string> = {};
    if (status === 302)
      headers['location'] = ['file:///etc/passwd', '//x', 'http://[', '/api/remote/servers'][roll(4)] ?? '';
    if (roll(40) === 0) headers['content-encoding'] = ['gzip', 'br', 'x'][roll(3)] ?? '';
    request
      .resume()
      .on('end', () => response.writeHead(status, headers).end(status === 204 ? undefined : spoiled(text, roll)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => number };
}

/** What a node does with a record, and what may come of it. Answers whether it was taken. */
async function usedRecord(record: unknown, flavour: Flavour, number: number, place: Place): Promise<boolean> {
  const read = readOrRefused(record, flavour);
  if (!read) return false;
  const spec = { ...read, uuid: uuidOf(number) };
  let server: Server;
  try {
    server = await new AdmissionBench().create(uuidOf(number), spec, asPanel);
  } catch (error) {
    if (error instanceof InvalidError || error instanceof UnknownFieldsError) return false;
    throw error;
  }
  const { mounts } = await allowedMounts(server, place.config);
  const { network } = place.config.docker;
  try {
    const { body } = containerBody({ server, config: place.config, host: aHost, mounts, network: network.networkMode });
    checkBody(body.HostConfig, server, place, number);
    assert.equal(body.User, '988:988', `answer ${number}`);
  } catch (error) {
    if (!(error instanceof UnbuildableError)) throw error;
  }
  for (const config of number % 4 === 0 ? (server.spec.egg.configs ?? []) : []) {
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    editFile(
      { directory: place.root, owner, context: { ...eggContext, environment: server.spec.environment }, config },
      () => {},
    );
  }
  return true;
}

function checkBody(
  host: ReturnType<typeof containerBody>['body']['HostConfig'],
  { spec }: Server,
  place: Place,
  number: number,
) {
  const { system, docker } = place.config;
  for (const { Source, Type } of host.Mounts) {
    const isOwn = Source === join(system.data, spec.uuid ?? '') || Source.startsWith('/etc/pelican/');
    assert.ok(
      Type === 'bind' && (isOwn || Source === place.maps || Source.startsWith(`${place.maps}/`)),
      `answer ${number}: ${Source}`,
    );
  }
  assert.equal('Privileged' in host && host.Privileged, false, `answer ${number}`);
  assert.deepEqual([host.ReadonlyRootfs, host.SecurityOpt], [true, ['no-new-privileges']], `answer ${number}`);
  assert.ok(host.CapDrop.includes('net_raw') && host.CapDrop.length >= 10, `answer ${number}`);
  assert.deepEqual(
    [host.NetworkMode, host.UsernsMode],
    [docker.network.networkMode, docker.usernsMode],
    `answer ${number}`,
  );
}

function readOrRefused(record: unknown, flavour: Flavour) {
  try {
    return readServer(record, flavour).spec;
  } catch (error) {
    if (error instanceof BadRecordError) return undefined;
    throw error;
  }
}

interface Place {
  config: Config;
  maps: string;
  root: string;
}

for (const flavour of ['pelican', 'pterodactyl'] as const) {
  test(`whatever ${flavour} answers ends in a value or a refusal, and nothing of it leads outside (covers: SEC-117)`, async (t) => {
    const base = realpathSync(temporaryDirectory(t));
    const [root, maps, outside] = ['root', 'maps', 'outside'].map((name) => join(base, name)) as [
      string,
      string,
      string,
    ];
    for (const directory of [root, maps, outside]) mkdirSync(directory);
    writeFileSync(join(outside, 'x'), 'a=1\n');
    symlinkSync(outside, join(root, 'link'));
    const config = aConfig(flavour, `allowed_mounts: [${maps}]\nsystem: {user: {uid: 988, gid: 988}}`);
    const place = { config, maps, root };
    const panel = await aPanel(t, flavour, { maps, outside });
    const client = new PanelClient({
      ...{
        remote: panel.url,
        flavour,
        version: '1.0.0',
        credentials: () => ({ id: 'i', secret: 's' }),
        timeoutMs: 20_000,
      },
      ...{
        customHeaders: {},
        ignoreCertificateErrors: false,
        environment: {},
        clock: hurriedClock(),
        log: silentLogger,
      },
      ...{ metrics: createPanelMetrics(new Registry()), random: () => 0 },
    });
    t.after(() => client.close());
    const login = {
      type: 'password',
      username: 'a.b',
      password: 'p',
      ip: '127.0.0.1',
      sessionId: '',
      clientVersion: '',
    } as const;
    const counts = { values: 0, refused: 0, taken: 0 };
    const one = async (number: number): Promise<void> => {
      const calls = [
        async () => (await client.servers(1, 50, always)).records,
        async () => [await client.server(uuid, always)],
        async () => [await client.server(uuid, always)],
        async () => void (await client.installScript(uuid, always)),
        async () => void (await client.sftpLogin(login, always)),
        async () => void (await client.uploadParts(uuid, 1, always)),
      ];
      let records: unknown[] | undefined;
      try {
        records = (await calls[number % calls.length]?.()) ?? [];
        counts.values += 1;
      } catch (error) {
        if (!isPanelError(error)) throw error;
        counts.refused += 1;
        return;
      }
      for (const record of records.slice(0, 2)) if (await usedRecord(record, flavour, number, place)) counts.taken += 1;
    };
    // Several at a time, as at the start of a node.
    let next = 0;
    const worker = async () => {
      for (next += 1; next <= answers / 2; next += 1) await one(next);
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    assert.deepEqual(readdirSync(base).sort(), ['maps', 'outside', 'root']);
    assert.deepEqual([readdirSync(outside), readFileSync(join(outside, 'x'), 'utf8')], [['x'], 'a=1\n']);
    assert.deepEqual(readdirSync(maps), []);
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
    const { values, refused, taken } = counts;
    assert.ok(panel.asked() >= answers / 2 && values > 300 && refused > 300 && taken > 50, JSON.stringify(counts));
  });
}

test('whatever is pushed as a configuration changes what a Panel may change and nothing else (covers: SEC-117, SEC-28)', () => {
  const config = aConfig('pelican', 'allowed_mounts: [/srv/maps]\nremote: https://panel.example');
  const pushed = JSON.stringify({
    ...{
      debug: false,
      uuid,
      token_id: 'abc',
      token: 'def',
      remote: 'https://panel.example',
      allowed_mounts: ['/srv/maps'],
    },
    api: { host: '0.0.0.0', port: 8080, ssl: { enabled: false, cert: '/c.pem', key: '/k.pem' }, upload_limit: 100 },
    system: { data: '/var/lib/pelican/volumes', sftp: { bind_port: 2022 }, root_directory: '/x', username: 'root' },
    ...{ docker: { network: { network_mode: 'host' } }, ignore_panel_config_updates: false },
  });
  const before = structuredClone(config);
  let taken = 0;
  for (let number = 1; number <= pushes; number += 1) {
    const text = spoiled(pushed, dice(number)).toString('utf8');
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch {
      continue; // the door refuses it
    }
    try {
      const { config: now } = panelUpdate(config, body, { id: 'literal', secret: 'literal' });
      const { debug: _, uuid: __, token, api, system, ...rest } = now;
      const { debug: ___, uuid: ____, token: _____, api: ownApi, system: own, ...ours } = before;
      assert.deepEqual(rest, ours, `push ${number}`);
      assert.deepEqual({ ...system, sftp: own.sftp }, own, `push ${number}`);
      assert.deepEqual({ ...system.sftp, port: 0 }, { ...own.sftp, port: 0 }, `push ${number}`);
      const { host, port, ssl, uploadLimit, ...local } = api;
      const { host: h, port: p, ssl: s, uploadLimit: u, ...ownLocal } = ownApi;
      assert.deepEqual(local, ownLocal, `push ${number}`);
      assert.match(token.secret, /^[\x21-\x7e]{1,512}$/, `push ${number}`);
      taken += 1;
    } catch (error) {
      if (!(error instanceof PanelUpdateRefused)) throw error;
    }
  }
  assert.ok(taken > 500, `${taken} taken`);
});
