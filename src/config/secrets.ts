// Which of the settings nobody may read in a log, a trace or a report.
import type { Config } from './config.ts';

export function secretsOf({ token, docker, remoteQuery }: Config): string[] {
  const passwords = Object.values(docker.registries).map(({ password }) => password);
  // Whatever the owner of a node sends along is likely to be a key of something.
  return [token.secret, ...passwords, ...Object.values(remoteQuery.customHeaders)];
}
