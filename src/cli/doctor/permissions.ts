// Who else may read the node's secrets or change what it does. The files of settings are looked at before they are read,
// because reading closes an open one.
import type { Stats } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pkiDirectory, stateDirectory } from '../node-access.ts';
import { type Check, type Finding, ok, problem, warning } from './finding.ts';

const readableByOthers = 0o077;
const writableByOthers = 0o022;

/** Before the settings are loaded. */
export async function checkConfigFiles(path: string): Promise<Finding[]> {
  const own = join(dirname(path), 'aileron.yml');
  const found = [
    ...(await secret(path, 'holds the token of the node', 'chmod 600')),
    ...(await guarded(own, 'says where the state of the node is')),
    ...(await guarded(dirname(path), 'holds the settings of the node')),
  ];
  return found.length > 0 ? found : [ok(`Only its owner can change ${path}, and read it`)];
}

export const checkStateFiles: Check = async ({ config }) => {
  const state = stateDirectory(config);
  const pki = pkiDirectory(config);
  if (!(await factsOf(state))) return [ok(`${state} is not there yet; the first start makes it`)];
  const store = config.aileron.store.path;
  const found = [
    ...(await secret(state, 'holds the state and the keys of the node', 'chmod 700')),
    ...(await secret(join(state, 'compile-cache'), 'holds code that the daemon runs', 'chmod 700')),
    ...(await secret(pki, 'holds the keys of the kube API', 'chmod 700')),
    ...(
      await Promise.all((await namesIn(pki)).map((name) => secret(join(pki, name), 'is a key or a token', 'chmod 600')))
    ).flat(),
    ...(
      await Promise.all([store, `${store}-wal`].map((path) => secret(path, 'holds the state of the node', 'chmod 600')))
    ).flat(),
    ...(await secret(config.system.data, 'holds the files of the servers', 'chmod 700')),
  ];
  return found.length > 0 ? found : [ok(`Nobody else gets into ${state} and ${config.system.data}`)];
};

async function secret(path: string, why: string, remedy: string): Promise<Finding[]> {
  const facts = await factsOf(path);
  if (!facts) return [];
  const foreign = ownedByOthers(facts);
  if (foreign) return [foreignOwner(path, why, facts)];
  if ((facts.mode & readableByOthers) === 0) return [];
  return [problem(`${path} ${why} and is open to other users (mode ${modeOf(facts)})`, `Run ${remedy} ${path}.`)];
}

async function guarded(path: string, why: string): Promise<Finding[]> {
  const facts = await factsOf(path);
  if (!facts) return [];
  if (ownedByOthers(facts)) return [foreignOwner(path, why, facts)];
  // The sticky bit keeps others from what is not theirs.
  if ((facts.mode & writableByOthers) === 0 || (facts.mode & 0o1000) !== 0) return [];
  return [problem(`${path} ${why} and other users can change it (mode ${modeOf(facts)})`, `Run chmod go-w ${path}.`)];
}

function ownedByOthers({ uid }: Stats): boolean {
  return uid !== 0 && uid !== process.geteuid?.();
}

function foreignOwner(path: string, why: string, { uid }: Stats): Finding {
  return warning(
    `${path} ${why} and belongs to user ${uid}, who is neither root nor the one running this`,
    'Run the daemon and this command as the same user, or give the file to that user.',
  );
}

function modeOf({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

async function factsOf(path: string): Promise<Stats | undefined> {
  return lstat(path).catch(() => undefined); // what is not there is no danger
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch(() => []);
}
