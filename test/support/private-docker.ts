// A Docker engine of the test's own, to stop, kill and start again at will. It shares nothing with the machine's engine:
// own data, own containerd namespace, no bridge, no firewall rules. Containers in it use the network mode `none`.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import type { Env } from './docker.ts';

const readyWithinMs = 60_000;
const pollMs = 100;

export interface PrivateDocker {
  env: Env;
  start(): Promise<void>;
  /** Ends the engine in order: without `liveRestore` its containers end too. */
  stop(): Promise<void>;
  /** SIGKILL: containers go on until the next start. */
  kill(): Promise<void>;
  restart(): Promise<void>;
}

/** For `{ skip: needsPrivateDocker() }`. */
export function needsPrivateDocker(): string | false {
  if (process.getuid?.() !== 0) return 'needs root to run a Docker engine of its own';
  return spawnSync('dockerd', ['--version']).status === 0 ? false : 'needs dockerd';
}

/** Answers when the engine does. Everything of it is gone after the test. */
export async function privateDocker(
  t: Pick<TestContext, 'after'>,
  { liveRestore = false }: { liveRestore?: boolean } = {},
): Promise<PrivateDocker> {
  // Paths of unix sockets have 107 bytes at most, and Docker puts long names below this one.
  const directory = mkdtempSync(join(tmpdir(), 'ad-'));
  // The machine's own settings must not apply here.
  writeFileSync(join(directory, 'daemon.json'), '{}');
  const env = { DOCKER_HOST: `unix://${directory}/docker.sock` };
  let daemon: ChildProcess | undefined;

  const start = async () => {
    const log = openSync(join(directory, 'dockerd.log'), 'a');
    const started = spawn('dockerd', argumentsFor(directory, liveRestore), { stdio: ['ignore', log, log] });
    closeSync(log);
    daemon = started;
    const docker = createDockerEngine(env, { timeoutMs: 5_000 });
    for (const end = Date.now() + readyWithinMs; ; await delay(pollMs)) {
      const answers = await docker.ping().then(
        () => true,
        () => false,
      );
      if (answers) return;
      if (started.exitCode !== null || Date.now() > end) {
        throw new Error(`dockerd did not start: ${readFileSync(join(directory, 'dockerd.log'), 'utf8').slice(-2000)}`);
      }
    }
  };
  const end = async (signal: NodeJS.Signals) => {
    if (!daemon || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const exited = once(daemon, 'exit');
    daemon.kill(signal);
    await exited;
  };
  const stop = () => end('SIGTERM');

  t.after(async () => {
    // After a kill, and with live restore, only a running engine can end what is left.
    if (daemon && (daemon.signalCode === 'SIGKILL' || liveRestore)) {
      if (daemon.exitCode !== null || daemon.signalCode !== null) await start();
      const docker = createDockerEngine(env);
      for (const { id } of await docker.listContainers({})) await docker.removeContainer(id, { force: true });
    }
    await stop();
    for (const mount of mountsBelow(directory)) spawnSync('umount', [mount]);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  await start();
  return {
    env,
    start,
    stop,
    kill: () => end('SIGKILL'),
    restart: async () => {
      await stop();
      await start();
    },
  };
}

function argumentsFor(directory: string, liveRestore: boolean): string[] {
  const own = basename(directory);
  return [
    `--data-root=${directory}/data`,
    `--exec-root=${directory}/exec`,
    `--pidfile=${directory}/pid`,
    `--host=unix://${directory}/docker.sock`,
    `--containerd-namespace=${own}`,
    `--containerd-plugins-namespace=${own}-plugins`,
    `--config-file=${directory}/daemon.json`,
    '--storage-driver=vfs',
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    '--ip-forward=false',
    '--ip-masq=false',
    '--userland-proxy=false',
    '--shutdown-timeout=1',
    `--live-restore=${liveRestore}`,
  ];
}

function mountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${directory}/`))
    .reverse();
}
