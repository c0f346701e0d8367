// The daemon as a child: started, watched until it is ready, asked to stop once however often the terminal says so.
import { spawn } from 'node:child_process';
import { get } from 'node:http';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const readyPollMs = 250;
/** npm passes a signal on that the terminal has sent already: within this time it is one and the same key press. */
const samePressMs = 1000;

/**
 * Starts the daemon in a session of its own, so that Ctrl-C reaches it exactly once, through us.
 * @param {{ program: string, args: string[], onStopRequest: () => void }} options
 */
export function startNode({ program, args, onStopRequest }) {
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'inherit', 'inherit'] });

  const ended = new Promise((resolve) => {
    child.on('error', (error) => {
      process.stderr.write(`${program} could not be run: ${error.message}\n`);
      resolve(1);
    });
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal]));
  });

  let lastRequestAt;
  const passOn = (signal) => {
    const now = performance.now();
    if (lastRequestAt === undefined) onStopRequest();
    else if (now - lastRequestAt < samePressMs) return;
    lastRequestAt = now;
    child.kill(signal);
  };
  process.on('SIGINT', () => passOn('SIGINT'));
  process.on('SIGTERM', () => passOn('SIGTERM'));
  process.on('SIGHUP', () => passOn('SIGTERM')); // the terminal was closed

  return { ended, wasAskedToStop: () => lastRequestAt !== undefined };
}

/**
 * Resolves with true when the daemon says it is ready, with false when it ended before.
 * @param {{ host: string, port: number }} ops
 * @param {Promise<unknown>} ended
 */
export async function untilReady(ops, ended) {
  let running = true;
  const stopped = ended.finally(() => {
    running = false;
  });
  while (running) {
    if (await answersReady(ops)) return running;
    await Promise.race([sleep(readyPollMs), stopped]);
  }
  return false;
}

function answersReady({ host, port }) {
  return new Promise((resolve) => {
    const request = get({ host, port, path: '/readyz', timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false)); // not listening yet
  });
}
