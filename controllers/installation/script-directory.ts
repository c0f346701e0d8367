// Where an installer finds its script: `<tmp_directory>/<server uuid>/install.sh`, in a directory that nobody else of this
// machine can enter. Whoever could change the script would be root in a container that has the server's files.
import { chmod, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InstallError } from './failures.ts';

const othersMayWrite = 0o022;
const sticky = 0o1000;

/** Replaces one that is there. Answers the directory. @throws InstallError TmpDirectoryUnsafe, what the system says */
export async function writeScript(tmpDirectory: string, serverUuid: string, script: string): Promise<string> {
  await mkdir(tmpDirectory, { recursive: true, mode: 0o700 });
  await checkOwner(tmpDirectory);
  const directory = join(tmpDirectory, serverUuid);
  await rm(directory, { recursive: true, force: true });
  // Fails when somebody was quicker.
  await mkdir(directory, { mode: 0o700 });
  const file = join(directory, 'install.sh');
  await writeFile(file, script.replaceAll('\r\n', '\n'), { mode: 0o644, flag: 'wx' });
  // Whatever the umask: the user of the image reads it.
  await chmod(file, 0o644);
  return directory;
}

/** May be repeated. */
export async function removeScript(tmpDirectory: string, serverUuid: string): Promise<void> {
  await rm(join(tmpDirectory, serverUuid), { recursive: true, force: true });
}

/** Below the place for temporary files anybody may have made it first. */
async function checkOwner(tmpDirectory: string): Promise<void> {
  const { uid, mode } = await stat(tmpDirectory);
  const safe = (mode & othersMayWrite) === 0 || (mode & sticky) !== 0;
  if ((uid === 0 || uid === process.getuid?.()) && safe) return;
  throw new InstallError('tmp_directory belongs to another user or can be written by others', {
    reason: 'TmpDirectoryUnsafe',
  });
}
