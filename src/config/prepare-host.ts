// From settings to a machine that fits them: the system user, the time zone, the directories, which nobody else may reach,
// and the rotation of the log. Safe to repeat.
import type { Config } from './config.ts';
import { makeDirectories } from './directories.ts';
import { checkDirectories } from './directory-rules.ts';
import { type Environment, processEnvironment } from './environment.ts';
import { ensureLogRotation } from './log-rotation.ts';
import { resolveSystemUser, type UserSources } from './system-user.ts';
import { resolveTimezone, type TimezoneSources } from './timezone.ts';

export interface PrepareOptions {
  warn(message: string): void;
  env?: Environment;
  user?: Partial<UserSources>;
  timezone?: Partial<TimezoneSources>;
  /** Default `/etc/logrotate.d`. */
  logRotation?: string;
}

/** The settings with everything resolved that only this machine can tell. @throws ConfigError */
export async function prepareHost(config: Config, options: PrepareOptions): Promise<Config> {
  const { warn, env = processEnvironment } = options;
  const { username, uid, gid } = await resolveSystemUser(config.system, {
    env,
    flavour: config.flavour,
    ...options.user,
  });
  const timezone = await resolveTimezone(config.system.timezone, { env, warn, ...options.timezone });
  const user = { ...config.system.user, uid, gid };
  const prepared = await makeDirectories({ ...config, system: { ...config.system, username, timezone, user } });
  await checkDirectories(prepared, { warn });
  const rotation = options.logRotation;
  await ensureLogRotation(prepared, { warn, ...(rotation === undefined ? {} : { directory: rotation }) });
  return prepared;
}
