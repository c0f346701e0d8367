import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { collectDiagnostics, type DiagnosticsDeps } from '../../../src/diagnostics/collect.ts';
import type { DiagnosticsOptions } from '../../../src/diagnostics/report.ts';
import type { EngineInfo } from '../../../src/docker/engine.ts';
import { aConfig } from '../../support/a-config.ts';
import { FakeClock } from '../../support/fake-clock.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'diagnostics-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const info = {
  ...{
    version: '20.10.24',
    apiVersion: '1.41',
    os: 'Debian',
    cpus: 4,
    memoryBytes: 8 * 1_073_741_824,
    cgroupVersion: '2',
  },
  ...{
    containerdVersion: '1.6',
    runcVersion: '1.3.3',
    cgroupDriver: 'systemd',
    storageDriver: 'overlay2',
    backingFilesystem: 'extfs',
  },
  containers: { total: 3, running: 1, paused: 0, stopped: 2 },
} as EngineInfo;

const containers = [
  { id: 'a'.repeat(64), name: 'running-one', labels: {}, running: true },
  { id: 'b'.repeat(64), name: 'stopped-one', labels: {}, running: false },
];

async function report(options: Partial<DiagnosticsOptions> = {}, deps: Partial<DiagnosticsDeps> = {}): Promise<string> {
  const yaml = `
remote: https://panel.example
api: {host: 192.0.2.7, ssl: {enabled: true, cert: /tls/cert.pem, key: /tls/key.pem}}
system: {log_directory: ${directory}, sftp: {bind_address: 192.0.2.8}}
`;
  const config = { ...aConfig('pelican', yaml), token: { id: 'the-token-id', secret: 'the-secret-token' } };
  const docker = { info: async () => info, listContainers: async () => containers };
  return collectDiagnostics(
    { config, docker, clock: new FakeClock(), ...deps },
    { endpoints: false, logs: true, logLines: 200, ...options },
  );
}

/** Lines of a section. */
function sectionOf(text: string, title: string): string[] {
  const [, body = ''] = text.split(`\n\n|\n| ${title}\n| ------------------------------\n`);
  return (body.split('\n\n|\n')[0] ?? '').split('\n').filter((line) => line !== '');
}

const titles = ['Versions', 'Wings Configuration', 'Docker: Info', 'Docker: Running Containers', 'Latest Wings Logs'];

test('the sections are those of Wings, in its order', async () => {
  const text = await report();
  assert.equal(text.split('\n')[0], 'Pelican Wings - Diagnostics Report');
  assert.deepEqual(
    [...text.matchAll(/^\|\n\| (.+)\n\| -{30}$/gm)].map(([, title]) => title),
    titles,
  );
  assert.deepEqual(sectionOf(text, 'Docker: Running Containers'), ['aaaaaaaaaaaa  running-one']);
  assert.match(sectionOf(text, 'Docker: Info').join('\n'), /Containers: 3 \(1 running, 0 paused, 2 stopped\)/);
  const wings = aConfig('pterodactyl', `system: {log_directory: ${directory}}`);
  assert.match(await report({}, { config: wings }), /^Pterodactyl Wings - Diagnostics Report\n/);
});

test('where the node and its Panel are is shown only to who asks', async () => {
  const places = /panel\.example|192\.0\.2|\/tls\//;
  const hidden = await report();
  assert.doesNotMatch(hidden, places);
  assert.equal(hidden.match(/\{redacted\}/g)?.length, 5);
  const shown = await report({ endpoints: true });
  for (const place of [
    'https://panel.example',
    '192.0.2.7 : 8080',
    '/tls/cert.pem',
    '/tls/key.pem',
    '192.0.2.8 : 2022',
  ])
    assert.ok(shown.includes(place), place);
});

test('the last lines of the log, as text, without secrets (covers: SEC-124)', async () => {
  const line = (msg: string) =>
    `${JSON.stringify({ level: 30, time: 0, msg, token: 'the-secret-token', n: 'the-secret-token' })}\n`;
  const old = `${line('x'.repeat(200))}`.repeat(3_000);
  await writeFile(join(directory, 'wings.log'), `${old}${line('one')}${line('two')}no JSON ?token=abcdefgh\n`);
  const text = await report({ logLines: 3 });
  assert.deepEqual(sectionOf(text, 'Latest Wings Logs'), [
    '00:00:00.000 INFO  one token="***" n="***"',
    '00:00:00.000 INFO  two token="***" n="***"',
    'no JSON ?token=***',
  ]);
  assert.doesNotMatch(await report({ logLines: 500 }), /the-secret-token/);
  assert.equal(sectionOf(await report({ logLines: 500 }), 'Latest Wings Logs').length, 500);
});

test('logs that nobody wants are not read; a log that is not there is told', async () => {
  await mkdir(join(directory, 'wings.log'));
  assert.deepEqual(sectionOf(await report({ logs: false }), 'Latest Wings Logs'), ['Logs redacted.']);
  assert.match(sectionOf(await report(), 'Latest Wings Logs')[0] ?? '', /cannot be read: EISDIR/);
});

test('a Docker that refuses or is silent is part of the report', async () => {
  const refuses = { info: async () => Promise.reject(new Error('connect ENOENT')), listContainers: async () => [] };
  assert.match(await report({}, { docker: refuses }), /Docker does not answer: connect ENOENT/);
  const clock = new FakeClock();
  const silent = { info: () => new Promise<never>(() => {}), listContainers: async () => [] };
  const text = report({}, { docker: silent, clock });
  await clock.advance(3_000);
  assert.match(await text, /Docker does not answer: no answer within 3 s/);
});

const facts = {
  machine: 'node7.games.example',
  versions: { daemon: '1.2.3', node: 'v24.0.0', kernel: '6.1.0-18-amd64' },
};

/** What happens on nodes, with everything in it that says where somebody is. */
const said = [
  ['info', 'the node is up', { node: 'node7', api: 8080 }],
  ['warn', 'the Panel cannot be reached', { err: { message: 'connect ECONNREFUSED 198.51.100.4:443' } }],
  ['info', 'certificates', { remote: 'https://panel.example/games', name: 'node7.games.example' }],
  ['warn', 'a login was refused', { ip: '2001:db8::17', port: '203.0.113.9:51234', peer: '[2001:db8::18]:22' }],
  [
    'info',
    'pulled',
    { image: 'registry.games.example:5000/yolks:java_21', from: 'docker://registry.games.example/v2' },
  ],
  ['info', 'asked itself', { url: 'http://127.0.0.1:9464/readyz', also: '::1', took: '00:01:02.345' }],
] as const;

test('the report without hosts is this, word for word (covers: SEC-89, SEC-116)', async () => {
  const levels = { info: 30, warn: 40 };
  const lines = said.map(([level, msg, fields]) => JSON.stringify({ level: levels[level], time: 0, ...fields, msg }));
  await writeFile(join(directory, 'wings.log'), `${lines.join('\n')}\n`);
  const golden = await readFile(join(import.meta.dirname, 'report.golden.txt'), 'utf8');
  assert.equal((await report({}, { facts })).replaceAll(directory, '/var/log/pelican'), golden);
});

test('where somebody is stays in the log of a report that was asked for it (covers: SEC-116)', async () => {
  await writeFile(join(directory, 'wings.log'), 'https://panel.example said 198.51.100.4 is node7.games.example\n');
  const logs = async (endpoints: boolean) => sectionOf(await report({ endpoints }, { facts }), 'Latest Wings Logs')[0];
  assert.equal(await logs(true), 'https://panel.example said 198.51.100.4 is node7.games.example');
  assert.equal(await logs(false), 'https://{redacted} said {redacted} is {redacted}');
});

test('why Docker does not answer is told without its address (covers: SEC-116)', async () => {
  const refuses = {
    info: async () => Promise.reject(new Error('connect ECONNREFUSED 192.0.2.99:2375')),
    listContainers: async () => [],
  };
  assert.match(await report({}, { docker: refuses }), /Docker does not answer: connect ECONNREFUSED \{redacted\}:2375/);
});
