// The wanted container against a real engine: it takes every body, makes of it what was meant, and a running container
// follows the limits without a restart.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import { containerBody } from '../../controllers/server/container-body.ts';
import { liveUpdate } from '../../controllers/server/live-update.ts';
import { sleep, systemClock } from '../../src/clock/clock.ts';
import type { Config } from '../../src/config/config.ts';
import { makeDirectories } from '../../src/config/directories.ts';
import { hostFacts } from '../../src/config/host-facts.ts';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import type { ContainerInfo } from '../../src/docker/engine.ts';
import type { Server, ServerSpec } from '../../src/resources/server.ts';
import { aConfig } from '../support/a-config.ts';
import { aServer } from '../support/builders.ts';
import { needsDocker, testImage, uniqueName } from '../support/docker.ts';
import { euidProgram } from '../support/euid-program.ts';

const host = hostFacts();
const docker = createDockerEngine(process.env);

async function aNode(t: TestContext): Promise<Config> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'body-')));
  t.after(() => rm(root, { recursive: true, force: true }));
  await chmod(root, 0o755);
  return makeDirectories(
    aConfig(
      'pelican',
      `system:
  root_directory: ${root}/lib
  log_directory: ${root}/log
  tmp_directory: ${root}/tmp
  user: {uid: 65534, gid: 65534, passwd: {directory: ${root}/etc}}
  machine_id: {enable: false}
docker: {container_pid_limit: 32, network: {network_mode: none}}
`,
    ),
  );
}

const limitsOf = (changes: Partial<ServerSpec['limits']>) => ({ ...aServer().spec.limits, ...changes });

describe('the wanted container', { skip: await needsDocker() }, () => {
  let image: string;

  before(async () => {
    image = await testImage();
  });

  function aGame(spec: Partial<ServerSpec>): Server {
    return aServer({ name: uniqueName(), spec: { uuid: randomUUID(), image, ...spec } });
  }

  async function created(t: TestContext, server: Server, config: Config): Promise<string> {
    const uuid = server.spec.uuid!;
    await mkdir(join(config.system.data, uuid), { recursive: true });
    const network = config.docker.network.networkMode;
    const { body } = containerBody({ server, config, host, mounts: [], network });
    t.after(() => docker.removeContainer(uuid, { force: true }));
    return (await docker.createContainer(uuid, body)).id;
  }

  async function running(t: TestContext, server: Server, config: Config): Promise<ContainerInfo> {
    const id = await created(t, server, config);
    await docker.startContainer(id);
    return inspected(id);
  }

  async function inspected(id: string): Promise<ContainerInfo> {
    const info = await docker.inspectContainer(id);
    assert.ok(info);
    return info;
  }

  /** What a container printed until it ended. */
  async function output(t: TestContext, server: Server, config: Config): Promise<string> {
    const id = await created(t, server, config);
    const stop = AbortSignal.timeout(30_000);
    await docker.startContainer(id);
    while ((await inspected(id)).running) {
      stop.throwIfAborted();
      await sleep(systemClock, 50, stop);
    }
    return (await docker.containerLogs(id, { tty: true })).toString();
  }

  test('a process in it cannot do what it must not (covers: SEC-80)', async (t) => {
    const invocation = [
      'grep -E "NoNewPrivs|CapEff|CapBnd|Seccomp:" /proc/self/status || sed -n "/NoNewPrivs\\|CapEff\\|CapBnd\\|Seccomp:/p" /proc/self/status',
      'touch /probe && echo BAD root-is-writable',
      'mount -t tmpfs none /tmp && echo BAD mount',
      'busybox mknod /home/container/null c 1 3 && echo BAD mknod',
      'busybox arping -c 1 -I lo 127.0.0.1 && echo BAD raw socket',
      'busybox unshare -n true && echo BAD namespaces',
      'touch /etc/passwd && echo BAD passwd-is-writable',
      '/home/container/who; echo "setuid $?"',
      'id',
      'echo END',
    ].join('; ');
    const config = await aNode(t);
    const server = aGame({ invocation });
    const volume = join(config.system.data, server.spec.uuid!);
    await mkdir(volume);
    await chmod(volume, 0o777);
    await writeFile(join(volume, 'who'), euidProgram());
    // One of root's that runs as root, whoever starts it.
    await chmod(join(volume, 'who'), 0o4755);
    const text = await output(t, server, config);
    assert.match(text, /setuid 254\r?\n/, '65534, not 0');
    assert.match(text, /Seccomp:\s+2/);
    assert.match(text, /NoNewPrivs:\s+1/);
    assert.match(text, /CapEff:\s+0{16}/);
    const bounding = BigInt(`0x${/CapBnd:\s+([0-9a-f]+)/.exec(text)?.[1]}`);
    // dac_override 1, fowner 3, fsetid 4, setpcap 8, net_bind_service 10, net_raw 13, sys_module 16, sys_chroot 18,
    // sys_ptrace 19, sys_admin 21, mknod 27, audit_write 29, setfcap 31
    for (const capability of [1n, 3n, 4n, 8n, 10n, 13n, 16n, 18n, 19n, 21n, 27n, 29n, 31n]) {
      assert.equal(bounding & (1n << capability), 0n, `capability ${capability}`);
    }
    assert.match(text, /uid=65534\(container\) gid=65534/);
    assert.match(text, /END/);
    assert.doesNotMatch(text, /BAD/);
  });

  test('a fork bomb ends at the bound on processes (covers: SEC-81)', async (t) => {
    const invocation = 'i=0; while [ $i -lt 100 ]; do sleep 20 & i=$((i+1)); done; echo survived';
    const text = await output(t, aGame({ invocation }), await aNode(t));
    assert.match(text, /can't fork|Resource temporarily unavailable/);
  });

  for (const limits of [
    { memory: 1 },
    { memory: 6, memoryUnit: 'MB' },
    { memory: 0, swap: 512 },
    { memory: 64, swap: -1 },
    { threads: '0-63' },
    { io: 1 },
    { cpu: 1 },
    { oomKiller: false, memory: 64 },
  ] as const) {
    test(`the engine takes ${JSON.stringify(limits)}`, async (t) => {
      const server = aGame({ invocation: 'sleep 60', limits: limitsOf(limits) });
      assert.equal((await running(t, server, await aNode(t))).running, true);
    });
  }

  for (const [title, before, after] of [
    ['more memory and unlimited swap', { memory: 64 }, { memory: 256, swap: -1 }],
    ['more memory while swap is unlimited', { memory: 64, swap: -1 }, { memory: 256, swap: -1 }],
    ['limited swap where it was unlimited', { memory: 64, swap: -1 }, { memory: 64, swap: 64 }],
    ['less memory', { memory: 256 }, { memory: 32 }],
    ['a memory limit where there was none', { memory: 0 }, { memory: 64 }],
    ['a CPU limit', {}, { cpu: 50 }],
    ['no CPU limit any more', { cpu: 50 }, { cpu: 0 }],
    ['threads', {}, { threads: '0' }],
    ['no threads any more', { threads: '0' }, {}],
  ] as [string, Partial<ServerSpec['limits']>, Partial<ServerSpec['limits']>][]) {
    test(`a running container gets ${title}, once and without a restart`, async (t) => {
      const config = await aNode(t);
      const server = aGame({ invocation: 'sleep 60', limits: limitsOf(before) });
      const container = await running(t, server, config);
      assert.deepEqual(liveUpdate({ server, config, host, container }), { needsRestart: [], warnings: [] });

      const changed = { ...server, spec: { ...server.spec, limits: limitsOf(after) } };
      const { update, needsRestart } = liveUpdate({ server: changed, config, host, container });
      assert.ok(update);
      assert.deepEqual(needsRestart, []);
      await docker.updateContainer(container.id, update);

      const updated = await inspected(container.id);
      assert.equal(updated.startedAt, container.startedAt);
      assert.deepEqual(liveUpdate({ server: changed, config, host, container: updated }), {
        needsRestart: [],
        warnings: [],
      });
    });
  }
});
