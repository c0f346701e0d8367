// A Docker Engine that answers: the one that is there, or docker.io from Debian with a dockerd of our own starting.
// That dockerd lives in a session of its own and outlives whoever started it, as the games do.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { aptInstall, canInstall } from './apt.mjs';
import { dockerCall, dockerHost, isDefaultHost } from './docker-api.mjs';
import { stateDirectory } from './paths.mjs';
import { findProgram, run } from './run.mjs';
import { SetupError, step } from './step.mjs';

const startLimitMs = 90_000;
const pollMs = 200;
const logFile = join(stateDirectory, 'dockerd.log');

export async function ensureDockerEngine() {
  await step('Docker Engine', async () => {
    const refusal = await ping();
    if (!refusal) return 'already there';
    if (!isDefaultHost) {
      throw new SetupError(
        `Docker does not answer at DOCKER_HOST=${dockerHost} (${refusal}); start it there, or unset DOCKER_HOST.`,
      );
    }
    if (refusal === 'EACCES') {
      throw new SetupError(
        'This user may not use Docker (/var/run/docker.sock: permission denied); as root: usermod -aG docker <user>, then log in again.',
      );
    }
    if (process.getuid?.() !== 0) {
      throw new SetupError(
        'Docker Engine does not answer and starting it needs root; install and start it (on Debian as root: apt-get install docker.io && service docker start).',
      );
    }
    const installed = findProgram('dockerd') !== undefined;
    if (!installed) await install();
    if (await ping()) await start();
    return installed ? 'started' : 'installed and started';
  });
}

/** Undefined when Docker answers, else why not, as short as possible. */
async function ping() {
  try {
    const { status } = await dockerCall({ path: '/_ping' });
    return status === 200 ? undefined : `HTTP ${status}`;
  } catch (error) {
    if (error instanceof SetupError) throw error;
    return error.code ?? error.message;
  }
}

async function install() {
  if (!canInstall()) {
    throw new SetupError(
      'Docker Engine is missing and there is no apt-get to install it with; install Docker Engine 20.10 or newer and start it.',
    );
  }
  await aptInstall(['docker.io', 'iptables']);
}

async function start() {
  if (existsSync('/run/systemd/system')) {
    await run('systemctl', ['start', 'docker']);
    await untilAnswers(() => undefined, 'see `journalctl -u docker`');
    return;
  }
  forgetDeadDaemons();
  mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
  const output = openSync(logFile, 'a', 0o600);
  const dockerd = spawn(findProgram('dockerd') ?? 'dockerd', [], { detached: true, stdio: ['ignore', output, output] });
  let ended;
  dockerd.on('error', (error) => {
    ended = error.message;
  });
  dockerd.on('exit', (code, signal) => {
    ended = `it ended with ${signal ?? `code ${code}`}: ${lastLine()}`;
  });
  dockerd.unref();
  await untilAnswers(() => ended, `its output is in ${logFile}`);
}

async function untilAnswers(failure, where) {
  const deadline = performance.now() + startLimitMs;
  for (;;) {
    const refusal = await ping();
    if (!refusal) return;
    if (failure()) throw new SetupError(`dockerd could not be started, ${failure()}; ${where}.`);
    if (performance.now() > deadline) {
      throw new SetupError(`dockerd did not answer within ${startLimitMs / 1000} s (${refusal}); ${where}.`);
    }
    await sleep(pollMs);
  }
}

/**
 * A dockerd that was killed leaves files with process ids. When such an id belongs to another process by now, the
 * next dockerd would take that for its containerd, or for another dockerd, and refuse or hang.
 */
function forgetDeadDaemons() {
  const files = [
    ['/var/run/docker.pid', 'dockerd'],
    ['/var/run/docker/containerd/containerd.pid', 'containerd'],
  ];
  for (const [file, program] of files) {
    if (existsSync(file) && processName(readFileSync(file, 'utf8').trim()) !== program) rmSync(file);
  }
}

function processName(id) {
  try {
    return readFileSync(`/proc/${id}/comm`, 'utf8').trim();
  } catch {
    return undefined; // no such process
  }
}

function lastLine() {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').at(-1) ?? '';
}
