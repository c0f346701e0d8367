// A Docker engine of the test's own, to stop, kill and start again at will. It shares nothing with the machine's engine:
// own data, own containerd, own network namespace without a bridge. Containers in it use the network mode `none`.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  return ['dockerd', 'containerd', 'unshare'].every((program) => spawnSync(program, ['--version']).status === 0)
    ? false
    : 'needs dockerd, containerd and unshare';
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
  writeFileSync(join(directory, 'containerd.toml'), 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
  const env = { DOCKER_HOST: `unix://${directory}/docker.sock` };
  const containerd = run(join(directory, 'containerd.log'), 'containerd', containerdArguments(directory));
  let dockerd: ChildProcess | undefined;

  const start = async () => {
    // A dockerd without a bridge takes `docker0` away where it finds one: in the namespace of the machine, everybody's.
    const command = ['--net', 'dockerd', ...dockerdArguments(directory, liveRestore)];
    const started = run(join(directory, 'dockerd.log'), 'unshare', command);
    dockerd = started;
    const docker = createDockerEngine(env, { timeoutMs: 5_000 });
    for (const end = Date.now() + readyWithinMs; ; await delay(pollMs)) {
      const answers = await docker.ping().then(
        () => true,
        () => false,
      );
      if (answers) return;
      if (ended(started) || Date.now() > end) {
        throw new Error(`dockerd did not start: ${readFileSync(join(directory, 'dockerd.log'), 'utf8').slice(-2000)}`);
      }
    }
  };
  const stop = () => end(dockerd, 'SIGTERM');

  t.after(async () => {
    // After a kill, and with live restore, only a running engine can end what is left.
    if (dockerd && ended(dockerd) && (dockerd.signalCode === 'SIGKILL' || liveRestore)) await start();
    if (dockerd && !ended(dockerd)) {
      const docker = createDockerEngine(env);
      for (const { id } of await docker.listContainers({})) await docker.removeContainer(id, { force: true });
    }
    await stop();
    await end(containerd, 'SIGTERM');
    for (const mount of mountsBelow(directory)) spawnSync('umount', [mount]);
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  });
  await start();
  return {
    env,
    start,
    stop,
    kill: () => end(dockerd, 'SIGKILL'),
    restart: async () => {
      await stop();
      await start();
    },
  };
}

function run(logFile: string, program: string, programArguments: string[]): ChildProcess {
  const log = openSync(logFile, 'a');
  try {
    return spawn(program, programArguments, { stdio: ['ignore', log, log] });
  } finally {
    closeSync(log);
  }
}

async function end(process: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!process || ended(process)) return;
  const exited = once(process, 'exit');
  process.kill(signal);
  await exited;
}

function ended({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** Started apart from dockerd, as on a real machine, so that it outlives a killed dockerd. */
function containerdArguments(directory: string): string[] {
  return [
    `--config=${directory}/containerd.toml`,
    `--root=${directory}/containerd/root`,
    `--state=${directory}/containerd/state`,
    `--address=${directory}/containerd.sock`,
  ];
}

function dockerdArguments(directory: string, liveRestore: boolean): string[] {
  return [
    `--config-file=${directory}/daemon.json`,
    `--containerd=${directory}/containerd.sock`,
    `--data-root=${directory}/data`,
    `--exec-root=${directory}/exec`,
    `--pidfile=${directory}/pid`,
    `--host=unix://${directory}/docker.sock`,
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
