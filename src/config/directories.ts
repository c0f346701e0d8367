// Directories and files that must be there before the first server: made when missing, never changed when present.
// 0700 on the data directory is what keeps other users of the host out of the servers.
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';

/**
 * Makes what is missing. Returns the settings with `system.data` as a real path, which bind mounts need, and with temporary
 * files where nobody else can be first. @throws ConfigError
 */
export async function makeDirectories(given: Config): Promise<Config> {
  const tmpDirectory = await ownPlace(given.system.tmpDirectory, join(given.system.rootDirectory, 'tmp'));
  const config = { ...given, system: { ...given.system, tmpDirectory } };
  const { system, aileron, flavour } = config;
  const directories = [
    system.logDirectory,
    join(system.logDirectory, 'install'),
    system.rootDirectory,
    system.data,
    ...(flavour === 'pelican' ? [system.tmpDirectory] : []),
    system.archiveDirectory,
    system.backupDirectory,
    dirname(aileron.store.path),
    ...(system.machineId.enable ? [system.machineId.directory] : []),
  ];
  for (const directory of directories) await make(directory, 0o700);
  if (system.user.passwd.enable) await writeUserFiles(config);
  return { ...config, system: { ...system, data: await realpath(system.data) } };
}

const othersMayWrite = 0o002;

/**
 * `instead` for a place that stands where anybody may make it, as below /tmp: whoever is first could change scripts that run
 * as root in containers, or keep the daemon from starting. A /tmp of its own, as systemd gives, Docker would not find either.
 */
async function ownPlace(wanted: string, instead: string): Promise<string> {
  for (let above = dirname(wanted); ; above = dirname(above)) {
    const facts = await stat(above).catch(() => undefined); // will be made
    if (facts) return (facts.mode & othersMayWrite) === 0 ? wanted : instead;
    if (above === dirname(above)) return wanted;
  }
}

/** What containers see as /etc/passwd and /etc/group: the one user they run as. */
async function writeUserFiles({ system: { user }, flavour }: Config): Promise<void> {
  const { directory } = user.passwd;
  await make(directory, flavour === 'pelican' ? 0o700 : 0o755);
  const { passwd, group } = userFiles(flavour, user.uid, user.gid);
  await writePublic(join(directory, 'passwd'), passwd);
  await writePublic(join(directory, 'group'), group);
}

export function userFiles(flavour: Config['flavour'], uid: number, gid: number): { passwd: string; group: string } {
  if (flavour === 'pelican') {
    return {
      passwd: `container:x:${uid}:${gid}::/home/container:/usr/sbin/nologin`,
      group: `container:x:${gid}:container`,
    };
  }
  return {
    passwd: `root:x:0:0::/root:/bin/sh\ncontainer:x:${uid}:${gid}::/home/container:/bin/sh\nnobody:x:65534:65534::/var/empty:/bin/sh\n`,
    group: `root:x:0:\ncontainer:x:${gid}:\nnogroup:x:65534:`,
  };
}

async function make(directory: string, mode: number): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode });
  } catch (error) {
    throw new ConfigError(
      `The directory ${directory} cannot be made (${(error as Error).message}); make it, or name another one in the configuration.`,
      { cause: error },
    );
  }
}

/** Left alone when it says the same, so that the file which running containers have mounted stays the one on disk. */
async function writePublic(path: string, content: string): Promise<void> {
  if ((await contentOf(path)) === content) return;
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    await writeFile(draft, content, { mode: 0o644, flag: 'wx', flush: true });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new ConfigError(
      `The file ${path} cannot be written (${(error as Error).message}); let the user of the daemon write it.`,
      { cause: error },
    );
  }
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
