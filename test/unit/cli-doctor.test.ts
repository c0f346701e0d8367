// What the doctor concludes from what it finds. The findings on a real node are in test/integration/cli-doctor.test.ts.
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { certificateFindings, checkCertificates } from '../../src/cli/doctor/certificates.ts';
import { clockFindings } from '../../src/cli/doctor/clock.ts';
import { checkDisk, findingsOn } from '../../src/cli/doctor/disk.ts';
import { checkDocker } from '../../src/cli/doctor/docker.ts';
import type { Finding } from '../../src/cli/doctor/finding.ts';
import { checkManifests } from '../../src/cli/doctor/manifests.ts';
import { checkConfigFiles, checkStateFiles } from '../../src/cli/doctor/permissions.ts';
import { checkPorts } from '../../src/cli/doctor/ports.ts';
import { checkVersions } from '../../src/cli/doctor/versions.ts';
import { systemClock } from '../../src/clock/clock.ts';
import type { Config } from '../../src/config/config.ts';
import { ensurePki } from '../../src/http/kube/pki/pki.ts';
import { silentLogger } from '../../src/telemetry/log.ts';
import { freePorts } from '../support/free-ports.ts';
import { type NodeConfigOptions, nodeConfig, temporaryDirectory } from '../support/node-config.ts';

const dayMs = 86_400_000;

function examined(directory: string, options: NodeConfigOptions = {}, env: Record<string, string> = {}) {
  const config: Config = { ...nodeConfig(directory, options), path: join(directory, 'config.yml') };
  return { config, env, daemon: undefined };
}
const bad = (findings: readonly Finding[]) =>
  findings.filter(({ level }) => level !== 'ok').map(({ level, says }) => `${level}: ${says}`);
const said = (findings: readonly Finding[], pattern: RegExp) =>
  assert.ok(
    findings.some(({ says, remedy }) => pattern.test(says) && remedy),
    `${pattern} is not in ${JSON.stringify(findings)}`,
  );

test('an old Node.js is a problem', () => {
  assert.deepEqual(bad(checkVersions('0.1.0', 'v24.1.0')), []);
  said(checkVersions('0.1.0', 'v22.19.0'), /^Node\.js 22\.19\.0 is too old/);
});

test('settings and state that others can read or change are problems (covers: SEC-113, SEC-124)', async (t) => {
  const directory = temporaryDirectory(t);
  const { config, ...rest } = examined(directory);
  writeFileSync(config.path, 'token: x', { mode: 0o600 });
  const state = join(directory, 'state');
  mkdirSync(join(state, 'pki'), { recursive: true, mode: 0o700 });
  writeFileSync(join(state, 'pki/token'), 'x', { mode: 0o600 });
  mkdirSync(config.system.data, { recursive: true, mode: 0o700 });
  assert.deepEqual(bad(await checkConfigFiles(config.path)), []);
  assert.deepEqual(bad(await checkStateFiles({ config, ...rest })), []);

  chmodSync(config.path, 0o644);
  writeFileSync(join(directory, 'aileron.yml'), '');
  chmodSync(join(directory, 'aileron.yml'), 0o666);
  chmodSync(join(state, 'pki/token'), 0o640);
  chmodSync(config.system.data, 0o755);
  const settings = await checkConfigFiles(config.path);
  said(settings, /config\.yml holds the token of the node and is open to other users \(mode 0644\)/);
  said(settings, /aileron\.yml .* other users can change it \(mode 0666\)/);
  const files = await checkStateFiles({ config, ...rest });
  said(files, /token is a key or a token and is open to other users \(mode 0640\)/);
  said(files, /volumes holds the files of the servers and is open to other users/);
});

test('a port that somebody holds is named with its holder', async (t) => {
  const [free = 0] = await freePorts(1);
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
  t.after(() => holder.close());
  const { port } = holder.address() as { port: number };
  const at = (ops: number) =>
    examined(temporaryDirectory(t), {
      aileron: { kube: { host: '127.0.0.1', port: free }, ops: { host: '127.0.0.1', port: ops } },
    });
  assert.deepEqual(bad(await checkPorts(at(0))), []);
  said(
    await checkPorts(at(port)),
    new RegExp(`^Port ${port}, where the health endpoint should listen, is held by .+ \\(process ${process.pid}\\)$`),
  );
  said(await checkPorts(at(free)), /is given to the health endpoint and to another door/);
  const nowhere = examined(temporaryDirectory(t), { aileron: { kube: { host: '192.0.2.1', port: free } } });
  said(await checkPorts(nowhere), /^192\.0\.2\.1, where the kube API should listen, is no address of this machine$/);
});

test('a disk that is full, or full of files, is told', async (t) => {
  const gib = 1024 ** 3;
  const space = { freeBytes: 50 * gib, totalBytes: 100 * gib, freeFiles: 1_000, totalFiles: 2_000 };
  assert.deepEqual(findingsOn('/srv', space), []);
  assert.deepEqual(findingsOn('/srv', { ...space, freeFiles: 0, totalFiles: 0 }), []);
  assert.deepEqual(bad(findingsOn('/srv', { ...space, freeBytes: 4 * gib })), [
    'warning: 4.0 GiB of 100 GiB are free at /srv',
  ]);
  assert.deepEqual(bad(findingsOn('/srv', { ...space, freeBytes: 1_000 })), [
    'problem: 1000 B of 100 GiB are free at /srv',
  ]);
  assert.match(bad(findingsOn('/srv', { ...space, freeFiles: 10 }))[0] ?? '', /^problem: .* hardly any more files$/);
  assert.ok((await checkDisk(examined(temporaryDirectory(t)))).length > 0);
});

test('a clock that was set back is told by the files', () => {
  const now = Date.UTC(2026, 6, 1);
  assert.deepEqual(clockFindings(now, now - 1_000, now), []);
  assert.deepEqual(clockFindings(now, undefined, undefined), []);
  said(clockFindings(now, now + 3_600_000, now), /^The clock is at least 1h0m behind/);
  said(clockFindings(Date.UTC(1970, 0, 1), undefined, undefined), /long past$/);
  said(clockFindings(now, now, now - 60_000), /^The disk's clock is 1m0s off/);
});

test('certificates that expire, belong to another authority or lack a name are told', async (t) => {
  const directory = temporaryDirectory(t);
  const make = (host: string, name: string) =>
    ensurePki({ directory: join(directory, name), host, clock: systemClock, log: silentLogger });
  const pki = await make('127.0.0.1', 'a');
  const now = Date.now();
  assert.deepEqual(bad(certificateFindings(pki, '127.0.0.1', now)), []);
  said(certificateFindings(pki, '127.0.0.1', now + 350 * dayMs), /^The serving certificate expires on /);
  said(certificateFindings(pki, '127.0.0.1', now + 400 * dayMs), /^The administrator's certificate has expired on /);
  said(certificateFindings(pki, '10.1.2.3', now), /does not name .*10\.1\.2\.3/);
  const other = await make('127.0.0.1', 'b');
  said(certificateFindings({ ...pki, serving: other.serving }, '127.0.0.1', now), /is not of the node's own authority/);
  said(
    certificateFindings({ ...pki, admin: { ...pki.admin, key: other.admin.key } }, '127.0.0.1', now),
    /does not go with its key/,
  );
  said(await checkCertificates({ ...examined(directory), daemon: 1 }), /There are no complete keys/);
});

test('Docker that does not answer is told with what to do', async (t) => {
  const directory = temporaryDirectory(t);
  const at = (host: string) => checkDocker(examined(directory, {}, { DOCKER_HOST: host }));
  said(await at(`unix://${directory}/none.sock`), /^Docker is not there: .*none\.sock does not exist$/);
  const dead = join(directory, 'dead.sock');
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(dead, resolve));
  said(await at(`unix://${dead}`), /^Docker at unix:.*dead\.sock does not answer: /);
  server.close();
});

test('every mistake in a manifest is told with file, line and field', async (t) => {
  const directory = temporaryDirectory(t);
  const manifests = join(directory, 'manifests');
  mkdirSync(manifests);
  const server = (name: string, spec: string) =>
    `apiVersion: aileron.dev/v1\nkind: Server\nmetadata:\n  name: ${name}\nspec:\n  image: a:1\n${spec}`;
  writeFileSync(
    join(manifests, 'a.yaml'),
    `${server('good', '')}---\n${server('bad', '  limits:\n    memory: lots\n')}---\n${server('odd', '  odd: 1\n')}`,
  );
  writeFileSync(join(manifests, 'b.yaml'), server('good', ''));
  writeFileSync(join(manifests, 'c.yaml'), 'a: [1\n');
  writeFileSync(join(manifests, 'd.yaml'), 'apiVersion: v1\nkind: Secret\n');
  const findings = await checkManifests(examined(directory, { aileron: { manifests } }));
  const told = findings.map(({ says }) => says);
  assert.equal(told.length, 4, told.join('\n'));
  assert.match(told[0] ?? '', /^a\.yaml:15: spec\.limits\.memory: /);
  assert.match(told[1] ?? '', /^a\.yaml:23: spec\.odd: /);
  assert.match(told.join('\n'), /^b\.yaml:1: metadata\.name: Server "good" is declared in a\.yaml:1 already$/m);
  assert.match(told.join('\n'), /^c\.yaml:\d+: /m);

  assert.deepEqual(bad(await checkManifests(examined(directory, { aileron: { manifests: '' } }))), []);
  said(
    await checkManifests(examined(directory, { aileron: { manifests: join(directory, 'none') } })),
    /cannot be read: it does not exist/,
  );
});
