// After the start config.yml says of the user what is so, for whoever reads it there. Only what the file states is
// corrected, nothing is added: each start finds it out anew, as Wings does.
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { YamlChange } from './edit-yaml.ts';
import { type WriteOptions, writeConfig } from './write-config.ts';

/** A file that cannot be written is told and no reason to stop; one on a read-only file system is meant to be so. */
export async function writeBack({ path, system }: Config, options: WriteOptions): Promise<void> {
  const { username, user } = system;
  const stated = (key: string[], value: string | number): YamlChange => ({ path: key, value, onlyIfPresent: true });
  const changes = [
    stated(['system', 'username'], username),
    stated(['system', 'user', 'uid'], user.uid),
    stated(['system', 'user', 'gid'], user.gid),
  ];
  try {
    await writeConfig(path, changes, options);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    options.warn(error.message);
  }
}
