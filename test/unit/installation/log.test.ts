// The file of an installation: what it holds, how much, and how a later daemon goes on with it.
import assert from 'node:assert/strict';
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { InstallationDeps } from '../../../controllers/installation/deps.ts';
import { InstallLog, type LogFacts } from '../../../controllers/installation/install-log.ts';
import { InstallOutput } from '../../../controllers/installation/output.ts';
import { Bus } from '../../../src/bus/bus.ts';
import { systemClock } from '../../../src/clock/clock.ts';
import type { ContainerInfo } from '../../../src/docker/engine.ts';
import type { Installation } from '../../../src/resources/installation.ts';
import { silentLogger } from '../../../src/telemetry/log.ts';
import { anyUuid } from '../../support/builders.ts';
import { temporaryDirectory } from '../../support/node-config.ts';

const facts: LogFacts = {
  ...{ flavour: 'pterodactyl', uuid: anyUuid, image: 'alpine:3', entrypoint: 'ash', kernel: '6.1.0' },
  env: ['A=1', 'B=two\n|\n| Script Output\n| ------------------------------\nlines'],
};
const mebibyte = 1024 * 1024;

async function aLog(t: TestContext): Promise<{ path: string; log: InstallLog }> {
  const path = join(temporaryDirectory(t), 'install', `${anyUuid}.log`);
  return { path, log: await InstallLog.begin(path, facts) };
}

test('what is begun replaces what was there, and is the daemon’s alone (covers: SEC-108)', async (t) => {
  const { path, log } = await aLog(t);
  await log.append(Buffer.from('first\n'));
  await log.close();
  const again = await InstallLog.begin(path, facts);
  await again.append(Buffer.from('second\n'));
  await again.close();
  const text = readFileSync(path, 'utf8');
  assert.match(text, /^Pterodactyl Server Installation Log\n\n\|\n\| Details\n/);
  assert.doesNotMatch(text, /first|Kernel/);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('variables of users and eggs are in it by their names (covers: SEC-108)', async (t) => {
  const path = join(temporaryDirectory(t), 'install', `${anyUuid}.log`);
  const env = ['TZ=UTC', 'STARTUP=run --key canary-1', 'SERVER_PORT=25565', 'KEY=canary-2\ncanary-3', 'EMPTY=', 'ODD'];
  await (await InstallLog.begin(path, { ...facts, env })).close();
  const text = readFileSync(path, 'utf8');
  assert.match(
    text,
    /\n {2}TZ=UTC\n {2}STARTUP=\*\*\*\n {2}SERVER_PORT=25565\n {2}KEY=\*\*\*\n {2}EMPTY=\n {2}ODD=\*\*\*\n\n/,
  );
  assert.doesNotMatch(text, /canary/);
});

test('a link in its place is not followed', async (t) => {
  const directory = temporaryDirectory(t);
  const target = join(directory, 'target');
  writeFileSync(target, 'precious');
  symlinkSync(target, join(directory, 'a.log'));
  await assert.rejects(InstallLog.begin(join(directory, 'a.log'), facts), { code: 'ELOOP' });
  await assert.rejects(InstallLog.resume(join(directory, 'a.log')), { code: 'ELOOP' });
  assert.equal(readFileSync(target, 'utf8'), 'precious');
});

test('it goes on where the output ends, whatever the variables hold', async (t) => {
  const { path, log } = await aLog(t);
  await log.append(Buffer.from('one\n'));
  await log.close();
  const again = await InstallLog.resume(path);
  assert.equal(again?.kept, 4);
  assert.equal((await again?.beginning())?.toString(), 'one\n');
  await again?.append(Buffer.from('two\n'));
  await again?.end(5);
  await again?.end(5);
  await again?.close();
  const third = await InstallLog.resume(path);
  await third?.end(5);
  await third?.close();
  assert.match(readFileSync(path, 'utf8'), /-\none\ntwo\n\n\nExit Code: 5\n$/);
});

test('a file that is none of ours is not continued', async (t) => {
  const { path, log } = await aLog(t);
  await log.close();
  writeFileSync(path, 'something else');
  assert.equal(await InstallLog.resume(path), undefined);
  assert.equal(await InstallLog.resume(`${path}.none`), undefined);
});

test('it holds 16 MiB of output and says so (covers: SEC-108)', async (t) => {
  const { path, log } = await aLog(t);
  for (let count = 0; count < 20; count += 1) await log.append(Buffer.alloc(mebibyte, 'x'));
  await log.end(0);
  await log.close();
  const { size } = statSync(path);
  assert.ok(size > 16 * mebibyte && size < 16 * mebibyte + 2_000, `${size}`);
  const tail = readFileSync(path, 'utf8').slice(-200);
  assert.match(tail, /x\n\[The output is longer than 16 MiB; the rest was not kept\.\]\n\n\nExit Code: 0\n$/);
});

test('output that Docker has thrown away is missing, and nothing else', async (t) => {
  const { path, log } = await aLog(t);
  await log.append(Buffer.from('one\ntwo\n'));
  const lines: string[] = [];
  const asked: (number | undefined)[] = [];
  const bus = new Bus((error) => {
    throw error;
  });
  bus.subscribe(anyUuid, 'install', (message) => void (message.step === 'output' && lines.push(message.text)));
  const docker = {
    async followLogs(_id: string, { since }: { since?: number }) {
      asked.push(since);
      // The log begins with the second line by now.
      const text = since === undefined ? 'two\nthree\n' : 'three\n';
      return (async function* () {
        yield Buffer.from(text);
      })();
    },
    inspectContainer: async () => ({ running: false }),
  };
  const deps = { docker, bus, clock: systemClock, log: silentLogger } as unknown as InstallationDeps;
  const installation = { metadata: { name: 'i' }, spec: { serverRef: { name: 's', uuid: anyUuid } } } as Installation;
  const container = { id: 'c', tty: true } as ContainerInfo;
  const resumed = await InstallLog.resume(path);
  const output = new InstallOutput(deps, { installation, container, log: resumed });
  await output.follow(new AbortController().signal);
  await Promise.all([log.close(), resumed?.close()]);
  assert.deepEqual(lines, ['three']);
  assert.equal(asked[0], undefined);
  assert.ok(Math.abs((asked[1] ?? 0) - Date.now() / 1000) < 60, 'from the time of the last line on');
});
