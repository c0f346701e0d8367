// The user of the host that owns the servers' files and runs their processes, found at every start as Wings does; made
// when it does not exist. Programs are absolute paths with separate arguments, never a shell.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Flavour, SystemConfig } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { Environment } from './environment.ts';

export interface HostUser {
  username: string;
  uid: number;
  gid: number;
}

export interface UserSources {
  env: Environment;
  flavour: Flavour;
  /** Stands in for `/` in tests. */
  root?: string;
  /** Runs one of the programs that make a user. */
  run?(program: string, args: string[]): Promise<void>;
  currentUser?(): HostUser;
}

/** What the container image of Wings uses, where there is no user database to ask. */
const imageId = 988;

const programTimeoutMs = 30_000;

/** @throws ConfigError when the user is neither there nor can be made */
export async function resolveSystemUser(system: SystemConfig, sources: UserSources): Promise<HostUser> {
  const { env, root = '/', currentUser = userOfProcess } = sources;
  const id = await distribution(root);
  if (id === 'distroless') return userOfImage(env, sources.flavour);
  if (system.user.rootless.enabled) return currentUser();
  refuseUnfitName(system.username);
  const present = await lookUp(system.username, root);
  if (present) return present;
  await makeUser(system.username, id, sources);
  const made = await lookUp(system.username, root);
  if (made) return made;
  throw new ConfigError(
    `The user ${system.username} was made but is not in ${join(root, 'etc/passwd')}; set system.username to a user that is.`,
  );
}

function userOfImage(env: Environment, flavour: Flavour): HostUser {
  const idOf = (variable: string) => {
    const text = env[variable] || String(imageId);
    const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
    if (value <= 2 ** 32 - 2) return value;
    throw new ConfigError(
      `The environment variable ${variable} must be a number of a user or group, not ${JSON.stringify(text)}.`,
    );
  };
  return { username: env['WINGS_USERNAME'] || flavour, uid: idOf('WINGS_UID'), gid: idOf('WINGS_GID') };
}

function userOfProcess(): HostUser {
  const { username, uid, gid } = userInfo();
  return { username, uid, gid };
}

/** `ID` of os-release in lower case. */
async function distribution(root: string): Promise<string> {
  const files = ['etc/os-release', 'usr/lib/os-release'].map((path) => join(root, path));
  const file = files.find((path) => existsSync(path));
  if (file === undefined)
    throw new ConfigError(
      `The file ${files[0]} does not exist, so it is not known how to make a user; create it with a line ID=….`,
    );
  const text = await readFile(file, 'utf8');
  return /^ID=["']?([^"'\n]*)/m.exec(text)?.[1]?.trim().toLowerCase() ?? '';
}

async function lookUp(username: string, root: string): Promise<HostUser | undefined> {
  const text = await readFile(join(root, 'etc/passwd'), 'utf8');
  const fields = text
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === username);
  const [, , uid, gid] = fields ?? [];
  if (!uid || !gid || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return undefined;
  return { username, uid: Number(uid), gid: Number(gid) };
}

/** A name that begins with a hyphen would be an option to the programs below. */
function refuseUnfitName(username: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_.-]{0,30}\$?$/.test(username)) return;
  throw new ConfigError(
    `system.username must be a name of letters, digits, dots, hyphens and underscores, not ${JSON.stringify(username)}.`,
  );
}

async function makeUser(username: string, id: string, { root = '/', run = runProgram }: UserSources): Promise<void> {
  const commands: [program: string, ...args: string[]][] = id.startsWith('alpine')
    ? [
        ['addgroup', '-S', username],
        ['adduser', '-S', '-D', '-H', '-G', username, '-s', '/sbin/nologin', username],
      ]
    : [['useradd', '--system', '--no-create-home', '--shell', '/usr/sbin/nologin', username]];
  for (const [program, ...args] of commands) {
    const path = ['usr/sbin', 'sbin', 'usr/bin', 'bin']
      .map((directory) => join(root, directory, program))
      .find((file) => existsSync(file));
    if (path === undefined)
      throw new ConfigError(
        `The user ${username} does not exist and there is no ${program} to make it; make it, or set system.username to one that exists.`,
      );
    try {
      await run(path, args);
    } catch (error) {
      const [reason] = String((error as { stderr?: string }).stderr || (error as Error).message)
        .trim()
        .split('\n');
      throw new ConfigError(
        `The user ${username} does not exist and ${program} could not make it (${reason}); make it, or set system.username to one that exists.`,
        { cause: error },
      );
    }
  }
}

async function runProgram(program: string, args: string[]): Promise<void> {
  await promisify(execFile)(program, args, { timeout: programTimeoutMs, maxBuffer: 64 * 1024 });
}
