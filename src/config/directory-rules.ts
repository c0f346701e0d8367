// Refuses a layout of directories in which somebody else could reach the daemon's own: one directory for two purposes, one
// among the files of servers, a link, one that belongs to another user or that others may write. And one in which the
// daemon itself may not write, before a server finds out.
import { constants, type Stats } from 'node:fs';
import { access, lstat, realpath } from 'node:fs/promises';
import { dirname, relative, sep } from 'node:path';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';

interface Place {
  /** The setting that names it. */
  setting: string;
  path: string;
}

export interface DirectoryRuleOptions {
  warn(message: string): void;
  /** Of this process; injected by tests. */
  user?: { uid: number; gid: number };
}

/** May be read-only: then the Panel's changes are not written back. */
const configPlace = 'the place of config.yml';

const writableByGroup = 0o020;
const writableByOthers = 0o002;

/** After they were made, and `system.data` is a real path. @throws ConfigError with the first reason */
export async function checkDirectories(config: Config, options: DirectoryRuleOptions): Promise<void> {
  const { system, aileron, path } = config;
  const own: Place[] = [
    { setting: 'system.data', path: system.data },
    { setting: 'system.backup_directory', path: system.backupDirectory },
    { setting: 'system.archive_directory', path: system.archiveDirectory },
    { setting: 'system.tmp_directory', path: system.tmpDirectory },
    { setting: 'system.log_directory', path: system.logDirectory },
    { setting: 'store.path of aileron.yml', path: dirname(aileron.store.path) },
    { setting: configPlace, path: dirname(path) },
  ];
  const shared: Place[] = [
    { setting: 'system.root_directory', path: system.rootDirectory },
    { setting: 'system.user.passwd.directory', path: system.user.passwd.directory },
    { setting: 'system.machine_id.directory', path: system.machineId.directory },
  ];
  const found = new Map<string, string>();
  for (const place of own) {
    const facts = await lstatOf(place.path);
    if (!facts) continue;
    refuseLink(place, facts);
    refuseOpen(place, facts, config, options);
    if (place.setting !== configPlace) await refuseReadOnly(place);
    const real = await realpath(place.path);
    const twin = found.get(real);
    if (twin !== undefined)
      throw new ConfigError(`${place.setting} and ${twin} are one directory, ${place.path}; give each one of its own.`);
    found.set(real, place.setting);
  }
  for (const place of [...own.slice(1), ...shared]) await refuseAmongServers(place, system.data);
}

function refuseLink({ setting, path }: Place, facts: Stats): void {
  if (!facts.isSymbolicLink()) {
    if (facts.isDirectory()) return;
    throw new ConfigError(`${setting} is ${path}, which is not a directory; name another one.`);
  }
  throw new ConfigError(`${setting} is ${path}, which is a link; name the directory that it leads to.`);
}

function refuseOpen(
  { setting, path }: Place,
  { uid, gid, mode }: Stats,
  { system: { user } }: Config,
  { warn, user: me = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 } }: DirectoryRuleOptions,
): void {
  if (uid === user.uid && uid !== me.uid && uid !== 0) {
    // Usual on nodes where somebody gave everything below to that user. Its processes see only their own directory.
    warn(`${setting} is ${path}, which belongs to the user of the servers; root should own it: chown root: ${path}.`);
  } else if (uid !== me.uid && uid !== 0) {
    throw new ConfigError(
      `${setting} is ${path}, which belongs to user ${uid} and not to the daemon's, ${me.uid}; give it to that one, or name another directory.`,
    );
  }
  const byGroup = (mode & writableByGroup) !== 0 && gid !== me.gid && gid !== 0;
  if (!byGroup && (mode & writableByOthers) === 0) return;
  throw new ConfigError(
    `${setting} is ${path}, which other users may write (mode ${(mode & 0o7777).toString(8).padStart(4, '0')}); run chmod go-w ${path}, or name another directory.`,
  );
}

async function refuseReadOnly({ setting, path }: Place): Promise<void> {
  try {
    await access(path, constants.W_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error;
    throw new ConfigError(
      `${setting} is ${path}, which is read-only for the daemon; name it in ReadWritePaths= of its systemd unit (systemctl edit aileron), or mount it for writing.`,
      { cause: error },
    );
  }
}

async function refuseAmongServers({ setting, path }: Place, data: string): Promise<void> {
  const facts = await lstatOf(path);
  if (!facts) return;
  const way = relative(await realpath(data), await realpath(path));
  if (way === '..' || way.startsWith(`..${sep}`)) return;
  throw new ConfigError(
    `${setting} is ${path}, which is among the directories of servers in ${data}; name another directory.`,
  );
}

async function lstatOf(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw new ConfigError(`The directory ${path} cannot be looked at (${message}).`, { cause: error });
  }
}
