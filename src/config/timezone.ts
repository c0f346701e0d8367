// The node's time zone, which containers get as TZ.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Environment } from './environment.ts';

const zones = new Map(Intl.supportedValuesOf('timeZone').map((zone) => [zone.toLowerCase(), zone]));

/** A zone of the IANA database in its exact spelling, since zone files are found by name. Offsets such as +01:00 are none. */
export function isTimezone(name: string): boolean {
  if (!/^[A-Z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  const spelling = zones.get(name.toLowerCase());
  if (spelling !== undefined) return spelling === name;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

export interface TimezoneSources {
  env: Environment;
  warn(message: string): void;
  /** Default `/etc/timezone`. */
  file?: string;
  /** Default the first of the usual places of `timedatectl`. */
  timedatectl?: string;
}

const timedatectlTimeoutMs = 5_000;

/** `configured`, else TZ, /etc/timezone, timedatectl, UTC: the first that says something. A zone nobody knows becomes UTC with a warning. */
export async function resolveTimezone(configured: string, sources: TimezoneSources): Promise<string> {
  const { env, warn, file = '/etc/timezone' } = sources;
  const found =
    configured.trim() || env['TZ']?.trim() || contentOf(file, warn) || (await fromTimedatectl(sources)) || 'UTC';
  if (isTimezone(found)) return found;
  warn(
    `The time zone ${JSON.stringify(found)} is not known, UTC is used; set system.timezone to a name such as Europe/Berlin.`,
  );
  return 'UTC';
}

function contentOf(file: string, warn: (message: string) => void): string {
  if (!existsSync(file)) return '';
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    warn(`The time zone could not be read from ${file}: ${(error as Error).message}`);
    return '';
  }
}

async function fromTimedatectl({ timedatectl, warn }: TimezoneSources): Promise<string> {
  const program = timedatectl ?? ['/usr/bin/timedatectl', '/bin/timedatectl'].find((path) => existsSync(path));
  if (program === undefined) return '';
  try {
    const { stdout } = await promisify(execFile)(program, [], { timeout: timedatectlTimeoutMs, maxBuffer: 64 * 1024 });
    return /^\s*Time zone:\s*(\S+)/m.exec(stdout)?.[1] ?? '';
  } catch (error) {
    // Without a running systemd it always fails; then there is nothing to ask.
    warn(`The time zone could not be asked from timedatectl: ${(error as Error).message.split('\n')[0]}`);
    return '';
  }
}
