// Where the daemon keeps its own things.
import { dirname, join } from 'node:path';
import type { Config } from '../config/config.ts';

/** Beside the store lies everything else that has to outlive the process. */
export function stateDirectory(config: Config): string {
  return dirname(config.aileron.store.path);
}

export function pkiDirectory(config: Config): string {
  return join(stateDirectory(config), 'pki');
}

/** By the names under which a Panel shows them. */
export function ownDirectories({ system }: Config): Record<string, string> {
  return {
    Root: system.rootDirectory,
    Logs: system.logDirectory,
    Data: system.data,
    Archive: system.archiveDirectory,
    Backup: system.backupDirectory,
    Temp: system.tmpDirectory,
  };
}
