// An installation from its begin to its end between a pretended Docker and a pretended Panel: who is asked, what is owed,
// what is told, and what becomes of it when something is away.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { owedToPanel } from '../../../src/panel/owed.ts';
import { ForbiddenError, InvalidError } from '../../../src/resources/errors.ts';
import type { Installation } from '../../../src/resources/installation.ts';
import { anyUuid } from '../../support/builders.ts';
import { InstallationBench, type InstallationBenchOptions, installerImage } from '../../support/installation-bench.ts';

const owner = { kind: 'Panel', ref: 'https://panel.example' } as const;
const name = `${anyUuid}_installer`;
const script = { image: `~${installerImage}`, entrypoint: 'sh', script: 'echo hello' };
/** When the clock of a bench begins. */
const begin = Date.parse('2026-01-01T00:00:00Z');
const mebibyte = 1024 * 1024;

function panel(): { calls: string[]; options: InstallationBenchOptions; fail: Error | undefined } {
  const made = {
    calls: [] as string[],
    fail: undefined as Error | undefined,
    options: {
      owedAtEnd: (installation: Installation) => owedToPanel(installation, begin),
      scripts: {
        refresh: async (uuid: string) => void made.calls.push(`refresh ${uuid}`),
        fetch: async (uuid: string) => {
          made.calls.push(`fetch ${uuid}`);
          if (made.fail) throw made.fail;
          return { image: `~${installerImage}`, entrypoint: 'ash', script: '#!/bin/ash\r\necho\r\n' };
        },
      },
    },
  };
  return made;
}

async function deliver(bench: InstallationBench, installation: string): Promise<void> {
  const present = await bench.get(installation);
  const { owed: _, ...status } = present?.status ?? {};
  await bench.store.updateStatus({ ...present!, status });
}

test('the Panel is asked for settings and script, and is owed one report', async (t) => {
  const { calls, options } = panel();
  const bench = new InstallationBench(t, options);
  await bench.add({ spec: { owner } });
  await bench.start();
  await bench.install('first', { reinstall: true }, owner);
  await bench.untilPhase('first', 'Running');
  assert.deepEqual(calls, [`refresh ${anyUuid}`, `fetch ${anyUuid}`]);
  const file = join(bench.config.system.tmpDirectory, anyUuid, 'install.sh');
  assert.equal(readFileSync(file, 'utf8'), '#!/bin/ash\necho\n');
  bench.docker.print(name, 'hello\n');
  bench.docker.exit(name, 5);
  const finalizing = await bench.untilPhase('first', 'Finalizing');
  assert.deepEqual(
    finalizing.status?.owed?.map(({ to, what }) => [to, what]),
    [['Panel', 'InstallResult']],
  );
  assert.ok(finalizing.metadata.finalizers?.includes('aileron.dev/owed'));
  await bench.until('container and script are gone', () => !existsSync(file));
  assert.equal((await bench.server())?.status?.claim?.kind, 'Installation', 'not before the Panel has heard');
  await deliver(bench, 'first');
  const { status } = await bench.untilPhase('first', 'Completed');
  assert.equal(status?.exitCode, 5);
  assert.equal((await bench.server())?.status?.claim, undefined);
  assert.deepEqual(bench.told(anyUuid), ['started', 'running', '> hello', 'completed']);
});

test('a Panel that does not take the report holds the end up for 30 s alone', async (t) => {
  const { options } = panel();
  const bench = new InstallationBench(t, {
    ...options,
    owedAtEnd: (installation) => owedToPanel(installation, bench.clock.now()),
  });
  await bench.add({ spec: { owner, skipEggScripts: true } });
  await bench.start();
  await bench.install('first', {}, owner);
  await bench.untilPhase('first', 'Finalizing');
  await bench.advance(20_000);
  assert.equal((await bench.get('first'))?.status?.phase, 'Finalizing');
  await bench.advance(11_000);
  const { status } = await bench.untilPhase('first', 'Completed');
  assert.equal(status?.owed?.length, 1);
});

test('a script that cannot be had is a failure, and reported like one (traps 26)', async (t) => {
  const made = panel();
  made.fail = new Error('Error response from Panel: NotFound: no such thing (HTTP/404)');
  const bench = new InstallationBench(t, made.options);
  await bench.add({ spec: { owner } });
  await bench.start();
  await bench.install('first', {}, owner);
  const { status } = await bench.untilPhase('first', 'Finalizing');
  assert.deepEqual([status?.outcome?.result, status?.outcome?.reason], ['Failed', 'ScriptUnavailable']);
  assert.match(status?.outcome?.message ?? '', /HTTP\/404/);
  assert.equal(status?.owed?.length, 1);
  await deliver(bench, 'first');
  await bench.untilPhase('first', 'Failed');
  assert.deepEqual(bench.told(anyUuid), ['started', 'completed']);
  const installed = (await bench.server())?.status?.conditions?.find(({ type }) => type === 'Installed');
  assert.deepEqual([installed?.status, installed?.reason], ['False', 'InstallFailed']);
});

test('without a script to run there is only an end, and the same report', async (t) => {
  const { calls, options } = panel();
  const bench = new InstallationBench(t, options);
  bench.stopsAtOnce = false;
  await bench.add({ spec: { owner, skipEggScripts: true } });
  await bench.start();
  await bench.install('first', {}, owner);
  const { status } = await bench.untilPhase('first', 'Finalizing');
  assert.equal(status?.outcome?.reason, 'Skipped');
  assert.equal(status?.owed?.length, 1);
  await deliver(bench, 'first');
  await bench.untilPhase('first', 'Completed');
  assert.deepEqual(bench.told(anyUuid), ['completed']);
  assert.deepEqual(calls, [`refresh ${anyUuid}`], 'no script');
  assert.ok(existsSync(join(bench.config.system.data, anyUuid)), 'its files have a place');
});

test('whether there is a script to run the Panel says at that moment, not before', async (t) => {
  for (const skips of [true, false]) {
    const { options } = panel();
    const bench = new InstallationBench(t, {
      ...options,
      scripts: {
        ...options.scripts!,
        refresh: async () => {
          await bench.store.patch('Server', 'demo', { spec: { skipEggScripts: skips } });
        },
      },
    });
    await bench.add({ spec: { owner, skipEggScripts: !skips }, status: { state: 'running' } });
    bench.stopsAtOnce = skips;
    await bench.start();
    await bench.install('first', { reinstall: skips }, owner);
    if (skips) {
      const { status } = await bench.untilPhase('first', 'Finalizing');
      assert.equal(status?.outcome?.reason, 'Skipped');
      assert.equal(await bench.docker.inspectContainer(name), undefined);
    } else {
      await bench.until('it is asked to stop', async () => (await bench.server())?.status?.claim?.stopServer === true);
      assert.equal(await bench.docker.inspectContainer(name), undefined, 'not beside a process');
      await bench.stopProcess('demo');
      await bench.untilPhase('first', 'Running');
    }
    await bench.stop();
  }
});

test('nothing is made before the process has ended', async (t) => {
  const bench = new InstallationBench(t);
  bench.stopsAtOnce = false;
  await bench.add({ status: { state: 'running' } });
  await bench.start();
  await bench.install('first', { script });
  await bench.until('it is asked to stop', async () => (await bench.server())?.status?.claim?.stopServer === true);
  await bench.advance(5_000);
  assert.equal(await bench.docker.inspectContainer(name), undefined);
  await bench.stopProcess('demo');
  await bench.untilPhase('first', 'Running');
});

test('Docker may be away, and streams may break: the output is whole and told once', async (t) => {
  const bench = new InstallationBench(t);
  await bench.add();
  await bench.start();
  await bench.install('first', { script });
  await bench.untilPhase('first', 'Running');
  bench.docker.print(name, 'one\n');
  await bench.until('one is told', () => bench.told(anyUuid).includes('> one'));
  bench.docker.setReachable(false);
  bench.docker.print(name, 'two\n');
  await bench.advance(30_000);
  assert.equal((await bench.get('first'))?.status?.phase, 'Running');
  bench.docker.setReachable(true);
  await bench.until('two is told', () => bench.told(anyUuid).includes('> two'));
  await bench.restart();
  bench.docker.print(name, 'three\n');
  await bench.until('three is told', () => bench.told(anyUuid).includes('> three'));
  bench.docker.exit(name, 0);
  await bench.untilPhase('first', 'Completed');
  assert.deepEqual(bench.told(anyUuid), ['started', 'running', '> one', '> two', '> three', 'completed']);
  const text = readFileSync(join(bench.config.system.logDirectory, 'install', `${anyUuid}.log`), 'utf8');
  assert.match(text, /-\none\r\ntwo\r\nthree\r\n\n\nExit Code: 0\n$/);
});

test('an image is pulled once for all who install with it', async (t) => {
  const bench = new InstallationBench(t);
  const released = Promise.withResolvers<void>();
  let pulls = 0;
  bench.docker.pullBehaviour = async () => {
    pulls += 1;
    await released.promise;
  };
  await bench.add();
  const other = '5d0ec9cd-8b34-4ea8-9c5a-7e0b5ac6f3d1';
  await bench.add({ name: 'other', spec: { uuid: other } });
  await bench.start();
  await bench.install('first', { script: { ...script, image: installerImage } });
  await bench.install('second', { serverRef: { name: 'other' }, script: { ...script, image: installerImage } });
  await bench.until(
    'both prepare',
    async () => (await bench.get('second'))?.status?.phase === 'Preparing' && pulls > 0,
  );
  await bench.advance(100);
  assert.equal(pulls, 1);
  released.resolve();
  await bench.untilPhase('first', 'Running');
  await bench.untilPhase('second', 'Running');
});

test('an installation of another node is that node’s to carry out (covers: SEC-27)', async (t) => {
  const bench = new InstallationBench(t);
  await bench.add();
  await bench.install('first', { script });
  await bench.store.patch('Installation', 'first', { spec: { nodeName: 'node-2' } });
  await bench.start();
  await bench.advance(600_000);
  assert.equal((await bench.get('first'))?.status, undefined);
  assert.deepEqual([bench.told(anyUuid), await bench.docker.listContainers({})], [[], []]);
});

test('the time of a script begins with its container, however often the daemon does', async (t) => {
  const bench = new InstallationBench(t, {
    change: (config) => ({ ...config, aileron: { ...config.aileron, installTimeoutSeconds: 600 } }),
  });
  await bench.add();
  await bench.start();
  await bench.install('first', { script });
  await bench.untilPhase('first', 'Running');
  await bench.advance(400_000);
  await bench.restart();
  await bench.advance(100_000);
  assert.equal((await bench.get('first'))?.status?.phase, 'Running');
  await bench.advance(101_000);
  const { status } = await bench.untilPhase('first', 'Failed');
  assert.equal(status?.outcome?.reason, 'Timeout');
  assert.equal(await bench.docker.inspectContainer(name), undefined);
});

test('an installation that ended is the last of its kind after its time', async (t) => {
  const bench = new InstallationBench(t);
  await bench.add();
  await bench.start();
  await bench.install('first', { skip: true, ttlSecondsAfterFinished: 60 });
  await bench.untilPhase('first', 'Completed');
  await bench.advance(61_000);
  await bench.until('it is gone', async () => (await bench.get('first')) === undefined);
});

test('a start that was asked for is not repeated when somebody has decided since', async (t) => {
  const bench = new InstallationBench(t);
  await bench.add();
  await bench.start();
  await bench.install('first', { skip: true, startOnCompletion: true });
  await bench.untilPhase('first', 'Completed');
  const { power } = (await bench.server())?.spec ?? {};
  assert.deepEqual(
    [power?.desired, power?.request?.action, power?.request?.by],
    ['Running', 'start', 'installation/first'],
  );
});

test('an installation ends, whatever refuses the start that was asked for', async (t) => {
  for (const refusal of [new InvalidError('Server', 'demo', []), new ForbiddenError('not yours'), new TypeError('x')]) {
    const bench = new InstallationBench(t);
    await bench.add();
    await bench.start();
    await bench.install('first', { skip: true, startOnCompletion: true });
    bench.admission.patch = () => Promise.reject(refusal);
    await bench.untilPhase('first', 'Completed');
    const said = `NotStarted: The server was not started afterwards: ${refusal.message}.`;
    assert.deepEqual(
      bench.events.filter((event) => event.startsWith('NotStarted')),
      [said],
    );
    await bench.stop();
  }
});

test('the memory of an installer: the larger of both, and 1024 MiB for a server without a limit (covers: SEC-82)', async (t) => {
  for (const [memory, expected] of [
    [0, 1024],
    [128, 1024],
    [2048, 2048],
  ] as const) {
    const bench = new InstallationBench(t);
    const limits = { memory, swap: 0, disk: 0, cpu: 0, io: 500, oomKiller: true, memoryUnit: 'MiB' as const };
    await bench.add({ spec: { limits } });
    await bench.start();
    await bench.install('first', { script });
    await bench.untilPhase('first', 'Running');
    const { resources } = (await bench.docker.inspectContainer(name)) ?? {};
    assert.equal(resources?.MemoryReservation, expected * mebibyte);
    assert.equal(resources?.CpuQuota, undefined, 'a server without a limit has none here either');
    assert.equal(resources?.PidsLimit, 512);
    await bench.stop();
  }
});
