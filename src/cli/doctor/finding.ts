// What a check of the doctor finds, and what checks are given.
import type { Config } from '../../config/config.ts';
import type { Environment } from '../../config/environment.ts';

/** `problem`: something does not work, or will not. `warning`: it works and should not stay so. */
export type Level = 'ok' | 'warning' | 'problem';

export interface Finding {
  level: Level;
  /** A sentence without its full stop. */
  says: string;
  /** What to do, in a sentence; with every level but `ok`. */
  remedy?: string;
}

export interface Examined {
  config: Config;
  env: Environment;
  /** Process id of the daemon, as its pid file says and the process confirms; undefined when none runs. */
  daemon: number | undefined;
  /** Nobody outside this machine is asked. */
  offline?: boolean;
  /** The name by which others reach the node; absent: that of its certificate. */
  fqdn?: string | undefined;
}

export type Check = (examined: Examined) => Promise<Finding[]>;

export const ok = (says: string): Finding => ({ level: 'ok', says });
export const warning = (says: string, remedy: string): Finding => ({ level: 'warning', says, remedy });
export const problem = (says: string, remedy: string): Finding => ({ level: 'problem', says, remedy });

export function messageOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}
