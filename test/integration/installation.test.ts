// Installations on a real engine: what a script may and may not do, what is seen of it, how it ends, and how it is ended.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { needsDocker, testBody } from '../support/docker.ts';
import {
  cancelInstallation,
  createInstallation,
  deleteInstallation,
  getInstallation,
  installer,
  inVolume,
  listInstallations,
  logOf,
  outputIn,
  scriptDirectoryOf,
  scriptOf,
  told,
  untilInstallation,
  untilInstallationIs,
} from '../support/installations.ts';
import { LiveNode } from '../support/live-node.ts';
import { ApiError } from '../support/node-client.ts';
import { until } from '../support/until.ts';

const options = { skip: await needsDocker(), timeout: 90_000 };

const conflict = (text: string) => (error: unknown) =>
  error instanceof ApiError && error.code === 409 && JSON.stringify(error.status).includes(text);

describe('installations', { concurrency: 2 }, () => {
  test(
    'a script runs in the files of the server, is seen and kept, and its exit code decides nothing (containers 24.10) (covers: SEC-108)',
    options,
    async (t) => {
      const node = await LiveNode.make(t);
      await node.start();
      const uuid = await node.add('demo', { environment: { MODE: 'creative' } });
      const script = scriptOf(node, 'echo "mode $MODE"', 'echo data > /mnt/server/installed', 'exit 5');
      await createInstallation(node, 'first', { server: 'demo', startOnCompletion: true, script });
      const { status, metadata } = await untilInstallationIs(node, 'first', 'Completed');
      assert.equal(status?.exitCode, 5);
      assert.deepEqual(
        status?.phases?.map(({ phase }) => phase),
        ['Pending', 'Preparing', 'Running', 'Finalizing'],
      );
      assert.equal(status?.conditions?.find(({ type }) => type === 'Complete')?.status, 'True');
      assert.ok(metadata.finalizers?.includes('aileron.dev/installation'));
      assert.equal(inVolume(node, uuid, 'installed'), 'data\n');
      assert.equal(outputIn(node, uuid), 'mode creative\n\n\nExit Code: 5\n');
      assert.equal(statSync(logOf(node, uuid)).mode & 0o777, 0o600);
      assert.equal(existsSync(scriptDirectoryOf(node, uuid)), false);
      assert.equal(await installer(node, uuid), undefined);
      assert.deepEqual(told(node.daemon.installs(uuid)), ['started', 'running', '> mode creative', 'completed']);
      const server = await node.running('demo');
      assert.equal(server.spec.power.desired, 'Running');
      assert.equal(server.status?.claim, undefined);
      const installed = server.status?.conditions?.find(({ type }) => type === 'Installed');
      assert.deepEqual([installed?.status, installed?.reason], ['True', 'Installed']);
      assert.ok(!node.daemon.log.some((line) => line.includes('creative') || line.includes('exit 5')));
    },
  );

  test(
    'the log has the head that a Panel knows, without the values of variables (covers: SEC-108)',
    options,
    async (t) => {
      const node = await LiveNode.make(t, { yaml: '' });
      await node.start();
      const uuid = await node.add('demo', { environment: { TEXT: 'one\n| Script Output' } });
      await createInstallation(node, 'first', { server: 'demo', script: scriptOf(node, 'echo hello') });
      await untilInstallationIs(node, 'first', 'Completed');
      const { kernel } = await node.docker.info();
      const text = readFileSync(logOf(node, uuid), 'utf8').replaceAll('\r\n', '\n');
      const startup = /^ {2}STARTUP=[^\n]*\n/m;
      assert.equal(
        text.replace(startup, ''),
        `Pelican Server Installation Log

|
| Details
| ------------------------------
  Server UUID:          ${uuid}
  Container Image:      ${node.image}
  Container Entrypoint: sh
  Kernel Version:       ${kernel}

|
| Environment Variables
| ------------------------------
  TZ=UTC
  SERVER_MEMORY=0
  SERVER_IP=127.0.0.1
  SERVER_PORT=0
  TEXT=***


|
| Script Output
| ------------------------------
hello


Exit Code: 0
`,
      );
    },
  );

  test('nothing else has the server while it is installed; a game that runs is stopped first', options, async (t) => {
    const node = await LiveNode.make(t);
    await node.start();
    const uuid = await node.addRunning('demo', {
      invocation: 'trap "" TERM; echo "Done (1s)!"; while true; do sleep 0.1; done',
    });
    const begun = Date.now();
    await createInstallation(node, 'again', {
      ...{ server: 'demo', reinstall: true },
      script: scriptOf(node, 'echo running', 'while [ ! -e /mnt/server/go ]; do sleep 0.1; done'),
    });
    const running = await untilInstallationIs(node, 'again', 'Running');
    // The stop rule of this server is a line that its process does not read.
    assert.ok(Date.now() - begun >= 9_000, 'ten seconds to stop');
    assert.equal((await node.api.get('demo'))?.status?.state, 'offline');
    for (const action of ['start', 'stop', 'restart', 'kill'] as const) {
      await assert.rejects(node.api.power('demo', action), conflict('server is currently installing'));
    }
    const script = scriptOf(node, 'true');
    await assert.rejects(
      createInstallation(node, 'other', { server: 'demo', script }),
      conflict('An installation is already running for this server'),
    );
    const backup = { kind: 'Backup', metadata: { name: 'b' }, spec: { serverRef: { name: 'demo' } } };
    await assert.rejects(
      node.api.call('POST', '/apis/aileron.dev/v1/backups', { apiVersion: 'aileron.dev/v1', ...backup }),
      conflict('An installation is already running for this server'),
    );
    writeFileSync(join(node.volume(uuid), 'go'), '');
    await untilInstallationIs(node, 'again', 'Completed');
    assert.equal(running.status?.containerId?.length, 64);
    assert.equal((await node.api.get('demo'))?.status?.state, 'offline', 'nobody asked for a start');
    await node.api.call('POST', '/apis/aileron.dev/v1/backups', { apiVersion: 'aileron.dev/v1', ...backup });
  });

  test(
    'a cancel, the end of the object, and the end of the server each kill the installer (containers 24.10) (covers: SEC-82)',
    options,
    async (t) => {
      const node = await LiveNode.make(t);
      await node.start();
      const uuid = await node.add('demo', { reclaimPolicy: 'Delete' });
      const script = scriptOf(node, 'trap "" TERM', 'while true; do echo x >> /mnt/server/noise; sleep 0.01; done');

      await createInstallation(node, 'one', { server: 'demo', script });
      await untilInstallationIs(node, 'one', 'Running');
      await cancelInstallation(node, 'one');
      const { status } = await untilInstallationIs(node, 'one', 'Cancelled');
      assert.equal(status?.outcome?.reason, 'Cancelled');
      assert.equal(await installer(node, uuid), undefined);
      assert.equal(existsSync(scriptDirectoryOf(node, uuid)), false);

      await createInstallation(node, 'two', { server: 'demo', script });
      await untilInstallationIs(node, 'two', 'Running');
      await deleteInstallation(node, 'two');
      await until('it is gone', 20_000, async () => (await getInstallation(node, 'two')) === undefined);
      assert.equal(await installer(node, uuid), undefined);
      assert.equal((await node.api.get('demo'))?.status?.claim, undefined);

      await createInstallation(node, 'three', { server: 'demo', script });
      await untilInstallationIs(node, 'three', 'Running');
      await node.api.call('DELETE', '/apis/aileron.dev/v1/servers/demo');
      await until('the server is gone', 20_000, async () => (await node.api.get('demo')) === undefined);
      assert.equal(await installer(node, uuid), undefined);
      assert.equal(existsSync(node.volume(uuid)), false);
      const three = await untilInstallationIs(node, 'three', 'Cancelled');
      assert.equal(three.status?.outcome?.reason, 'ServerDeleted');
      assert.deepEqual(told(node.daemon.installs(uuid)).filter((step) => step === 'completed').length, 3);
    },
  );

  test(
    'a script has few capabilities, a limit of processes and an end (covers: SEC-81, SEC-82)',
    options,
    async (t) => {
      const node = await LiveNode.make(t, {
        yaml: '  container_pid_limit: 32\n',
        aileron: { installTimeoutSeconds: 6 },
      });
      await node.start();
      const uuid = await node.add('demo');
      const script = scriptOf(
        node,
        'mount -t tmpfs none /mnt/server && echo mounted',
        'touch /mnt/install/x && echo written',
        'sed -n "/CapEff/p;/NoNewPrivs/p" /proc/self/status',
        '(i=0; while [ $i -lt 100 ]; do sleep 60 & i=$((i+1)); done; echo unlimited)',
        'dd if=/dev/zero of=/tmp/fill bs=1M count=200 2>&1',
        'read forever',
      );
      await createInstallation(node, 'first', { server: 'demo', script });
      const { status } = await untilInstallationIs(node, 'first', 'Failed');
      assert.equal(status?.outcome?.reason, 'Timeout');
      assert.equal(await installer(node, uuid), undefined);
      const output = outputIn(node, uuid);
      assert.doesNotMatch(output, /^mounted|^written|^unlimited/m);
      assert.match(output, /can't fork/);
      assert.match(output, /No space left on device/);
      // chown, dac_override, fowner, kill, setgid, setuid.
      assert.match(output, /CapEff:\s+00000000000000eb$/m);
      assert.match(output, /NoNewPrivs:\s+1$/m);
      const installed = (await node.api.get('demo'))?.status?.conditions?.find(({ type }) => type === 'Installed');
      assert.deepEqual([installed?.status, installed?.reason], ['False', 'InstallFailed']);
    },
  );

  test('what cannot be had or started fails with a reason, and leaves nothing', options, async (t) => {
    const node = await LiveNode.make(t);
    await node.start();
    const uuid = await node.add('demo');
    const script = scriptOf(node, 'true');
    await createInstallation(node, 'image', {
      server: 'demo',
      script: { ...script, image: '~aileron-test/no-such:1' },
    });
    assert.equal((await untilInstallationIs(node, 'image', 'Failed')).status?.outcome?.reason, 'ImageUnavailable');
    await createInstallation(node, 'program', { server: 'demo', script: { ...script, entrypoint: '/no/such' } });
    const program = await untilInstallationIs(node, 'program', 'Failed');
    assert.equal(program.status?.outcome?.reason, 'NotStarted');
    assert.match(program.status?.outcome?.message ?? '', /no such file/);
    assert.equal(await installer(node, uuid), undefined);
    await createInstallation(node, 'removed', { server: 'demo', script: scriptOf(node, 'sleep 600') });
    const { status } = await untilInstallationIs(node, 'removed', 'Running');
    await node.docker.removeContainer(status?.containerId ?? '', { force: true });
    const removed = await untilInstallationIs(node, 'removed', 'Failed');
    assert.equal(removed.status?.outcome?.reason, 'InstallerRemoved');
    await createInstallation(node, 'skipped', { server: 'demo', skip: true });
    assert.equal((await untilInstallationIs(node, 'skipped', 'Completed')).status?.outcome?.reason, 'Skipped');
    assert.deepEqual(told(node.daemon.installs(uuid)).slice(-1), ['completed']);
  });

  test('a container that is not ours keeps its name (covers: SEC-87)', options, async (t) => {
    const node = await LiveNode.make(t);
    await node.start();
    const uuid = await node.add('demo');
    const { id } = await node.docker.createContainer(`${uuid}_installer`, testBody(node.image, 'sleep 600'));
    t.after(() => node.docker.removeContainer(id, { force: true }));
    await createInstallation(node, 'first', { server: 'demo', script: scriptOf(node, 'true') });
    assert.equal((await untilInstallationIs(node, 'first', 'Failed')).status?.outcome?.reason, 'NameTaken');
    assert.equal((await installer(node, uuid))?.id, id);
  });

  test(
    'an installer that Wings left behind is taken over, and its end is that of an installation',
    options,
    async (t) => {
      const node = await LiveNode.make(t);
      await node.start();
      const uuid = await node.add('demo');
      await node.daemon.stop();
      const body = testBody(node.image, 'ignored', {
        Hostname: 'installer',
        Cmd: ['sh', '-c', 'echo begun; while [ ! -e /mnt/server/go ]; do sleep 0.1; done; echo done; exit 3'],
        Env: ['MODE=creative'],
        Labels: { Service: 'Pelican', ContainerType: 'server_installer' },
      });
      mkdirSync(node.volume(uuid), { recursive: true });
      body.HostConfig.Mounts = [{ Type: 'bind', Source: node.volume(uuid), Target: '/mnt/server', ReadOnly: false }];
      const { id } = await node.docker.createContainer(`${uuid}_installer`, body);
      t.after(() => node.docker.removeContainer(id, { force: true }));
      await node.docker.startContainer(id);
      await node.start();
      const [adopted] = await until('it is taken over', 20_000, async () => {
        const found = await listInstallations(node);
        return found[0]?.status?.phase === 'Running' && found;
      });
      assert.ok(adopted);
      assert.deepEqual([adopted.spec.reinstall, adopted.status?.containerId], [true, id]);
      writeFileSync(join(node.volume(uuid), 'go'), '');
      const ended = await untilInstallation(
        node,
        adopted.metadata.name,
        'it ended',
        ({ status }) => !!status?.completedAt,
      );
      assert.deepEqual([ended.status?.phase, ended.status?.exitCode], ['Completed', 3]);
      assert.equal(outputIn(node, uuid), 'begun\ndone\n\n\nExit Code: 3\n');
      assert.equal(await installer(node, uuid), undefined);
    },
  );
});
