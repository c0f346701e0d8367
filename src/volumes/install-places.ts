// Where an installation keeps what it leaves for a while: its log, and the script that its container runs. Pure.
import { join } from 'node:path';
import type { SystemConfig } from '../config/config.ts';

/** What the last installation of a server printed. */
export function installLogPath({ logDirectory }: Pick<SystemConfig, 'logDirectory'>, serverUuid: string): string {
  return join(logDirectory, 'install', `${serverUuid}.log`);
}

/** A directory; there is one while an installer runs. */
export function installScriptPath({ tmpDirectory }: Pick<SystemConfig, 'tmpDirectory'>, serverUuid: string): string {
  return join(tmpDirectory, serverUuid);
}
