// A file for logrotate, made when there is none, as Wings does. It serves both daemons: whichever runs opens its log anew.
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import type { Config } from './config.ts';

export interface LogRotationOptions {
  warn(message: string): void;
  /** Default `/etc/logrotate.d`. */
  directory?: string;
}

/** The name that Wings uses: two files for one log make logrotate skip it. */
const name = 'wings';

/** One that cannot be made is told and no reason to stop. Logs among temporary files need none. */
export async function ensureLogRotation({ system }: Config, options: LogRotationOptions): Promise<void> {
  const { warn, directory = '/etc/logrotate.d' } = options;
  const isTemporary = options.directory === undefined && `${system.logDirectory}${sep}`.startsWith(`${tmpdir()}${sep}`);
  if (!system.enableLogRotate || isTemporary) return;
  const path = join(directory, name);
  try {
    await writeFile(path, rotationOf(join(system.logDirectory, 'wings.log')), { flag: 'wx', mode: 0o644 });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // There is one already, or this machine does not rotate logs in this way, or the image is read-only.
    if (code === 'EEXIST' || code === 'ENOENT' || code === 'EROFS') return;
    warn(
      `The file ${path} cannot be written (${message}), so nobody rotates the log; set system.enable_log_rotate to no to be told no more.`,
    );
  }
}

function rotationOf(log: string): string {
  return `"${log}" {
    size 10M
    compress
    delaycompress
    dateext
    maxage 7
    missingok
    notifempty
    postrotate
        /usr/bin/systemctl kill -s HUP aileron.service >/dev/null 2>&1 || true
        /usr/bin/systemctl kill -s HUP wings.service >/dev/null 2>&1 || true
    endscript
}
`;
}
