// `npm start`, or `npm run panel` with its node, in terminals, in a clone of its own, on ports of its own. Whatever they
// leave in Docker goes with the test.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDockerEngine } from '../../src/docker/dockerode-engine.ts';
import type { DockerEngine } from '../../src/docker/engine.ts';
import { freePorts } from './free-ports.ts';
import { type CloneOptions, freshClone } from './fresh-clone.ts';
import { openTerminal, type Terminal } from './terminal.ts';

/** What it prints when kubectl can be used. */
export const upText = 'The node is up.';

export interface CloneNode {
  folder: string;
  kubePort: number;
  opsPort: number;
  env: NodeJS.ProcessEnv;
  /** May be called again after the terminal has ended. */
  start(): Terminal;
}

export async function cloneNode(t: TestContext, options: CloneOptions): Promise<CloneNode> {
  // What is registered first is done first: containers and daemons must go while the folder still tells of them.
  let folder = '';
  const docker = createDockerEngine(process.env);
  const networkWasThere = (await docker.inspectNetwork('pelican_nw')) !== undefined;
  t.after(() => removeTraces(docker, folder, networkWasThere));
  folder = await freshClone(t, options);
  return nodeIn(t, folder);
}

/** Another npm start in a folder that has one already, on other ports. */
export async function nodeIn(t: TestContext, folder: string): Promise<CloneNode> {
  const [kubePort = 0, opsPort = 0, apiPort = 0] = await freePorts(3);
  const env = {
    ...plainEnvironment(),
    AILERON_KUBE_PORT: String(kubePort),
    AILERON_OPS_PORT: String(opsPort),
    AILERON_API_PORT: String(apiPort),
    AILERON_NODE_NAME: `test-${kubePort}`,
    npm_config_progress: 'false',
  };
  return { folder, kubePort, opsPort, env, start: () => openTerminal(t, 'npm start', { cwd: folder, env }) };
}

/** Names of the servers' containers of the nodes in `folder`: those of their volumes. */
export async function serverUuids(folder: string): Promise<string[]> {
  const homes = ['.aileron/volumes', '.aileron/panel/volumes'];
  const names = await Promise.all(homes.map((home) => readdir(join(folder, home)).catch(() => [])));
  return names.flat().filter((name) => /^[0-9a-f-]{36}$/.test(name));
}

/** The environment without what an npm around the tests, or a person, has put into it. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const foreign = /^(?:npm_|NODE_|AILERON_|INIT_CWD$|KUBECONFIG$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)));
}

async function removeTraces(docker: DockerEngine, folder: string, networkWasThere: boolean): Promise<void> {
  for (const pid of await processesIn(folder)) process.kill(pid, 'SIGKILL');
  for (const uuid of await serverUuids(folder)) {
    for (const name of [uuid, `${uuid}_installer`])
      if (await docker.inspectContainer(name)) await docker.removeContainer(name, { force: true });
  }
  if (!networkWasThere) await removeNetwork(docker);
}

/** Docker lets go of a removed container's end of the network a little later. Who else uses it by now may keep it. */
async function removeNetwork(docker: DockerEngine): Promise<void> {
  for (let tries = 0; tries < 10; tries += 1) {
    const network = await docker.inspectNetwork('pelican_nw');
    if (!network) return;
    await docker.removeNetwork(network.id).catch(() => sleep(300));
  }
}

/** Processes that work in this folder. */
async function processesIn(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).map(Number).filter(Number.isInteger)) {
    if ((await readlink(`/proc/${pid}/cwd`).catch(() => '')) === folder) found.push(pid);
  }
  return found;
}

/** Processes that were started with the configuration of this folder. */
export async function daemonsOf(folder: string): Promise<number[]> {
  const config = join(folder, '.aileron/config.yml');
  const found: number[] = [];
  for (const pid of (await readdir('/proc')).map(Number).filter(Number.isInteger)) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (commandLine.split('\0').includes(config)) found.push(pid);
  }
  return found;
}
