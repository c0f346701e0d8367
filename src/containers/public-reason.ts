// An error as the owner of a server may read it: Docker's own words, without the paths of the node.
import type { Config } from '../config/config.ts';

const longestReason = 1_024;

/** Where an engine keeps its own files, unless told otherwise. */
const dockerDirectory = '/var/lib/docker';

export function publicReason(error: unknown, { system }: Pick<Config, 'system'>): string {
  const text = error instanceof Error ? error.message : String(error);
  const directories = [
    system.data,
    system.tmpDirectory,
    system.logDirectory,
    system.backupDirectory,
    system.archiveDirectory,
    system.machineId.directory,
    system.user.passwd.directory,
    system.rootDirectory,
    dockerDirectory,
  ];
  // Longest first, so that a directory inside another is not cut in the middle.
  const byLength = directories.filter((directory) => directory.length > 1).sort((a, b) => b.length - a.length);
  return byLength.reduce((reason, directory) => reason.replaceAll(directory, '<node>'), text).slice(0, longestReason);
}
