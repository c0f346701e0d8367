// From settings to a machine that fits them: the system user, the time zone, the directories. Safe to repeat.
import type { Config } from './config.ts';
import { makeDirectories } from './directories.ts';
import { type Environment, processEnvironment } from './environment.ts';
import { resolveSystemUser, type UserSources } from './system-user.ts';
import { resolveTimezone, type TimezoneSources } from './timezone.ts';

export interface PrepareOptions {
  warn(message: string): void;
  env?: Environment;
  user?: Partial<UserSources>;
  timezone?: Partial<TimezoneSources>;
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
  return makeDirectories({ ...config, system: { ...config.system, username, timezone, user } });
}
