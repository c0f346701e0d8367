// Whether the clock of this machine can be right, by what lies on its disk: no network is asked. A wrong clock makes
// every token of a Panel expired or not yet valid.
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stateDirectory } from '../node-access.ts';
import { durationText } from '../units.ts';
import { type Check, type Finding, ok, problem, warning } from './finding.ts';

/** What a file system may round, and a machine may be corrected by, ms. */
const toleranceMs = 5_000;
/** Before it nobody had this program. */
const earliest = Date.UTC(2026, 0, 1);

export const checkClock: Check = async ({ config }) => {
  const now = Date.now();
  const newest = await newestIn([stateDirectory(config), join(stateDirectory(config), 'pki'), dirname(config.path)]);
  const found = clockFindings(now, newest, await diskClock());
  // Written by systemd-timesyncd once it is in step; others do not say it in a file.
  if (existsSync('/run/systemd/timesync') && !existsSync('/run/systemd/timesync/synchronized'))
    found.push(warning('The clock is not in step with a time server', 'See timedatectl timesync-status.'));
  return found.length > 0 ? found : [ok('The clock goes with the files on the disk')];
};

/** `newest`: when the youngest file of the node was written. `disk`: what time a file written now gets. All in ms. */
export function clockFindings(now: number, newest: number | undefined, disk: number | undefined): Finding[] {
  const remedy = 'Set the clock (timedatectl set-ntp true): tokens of the Panel are good for minutes only.';
  if (now < earliest) return [problem(`The clock says ${new Date(now).toISOString()}, which is long past`, remedy)];
  if (newest !== undefined && newest - now > toleranceMs)
    return [
      problem(
        `The clock is at least ${durationText(newest - now)} behind: the node wrote files later than it is now`,
        remedy,
      ),
    ];
  if (disk !== undefined && Math.abs(disk - now) > toleranceMs)
    return [
      warning(
        `The disk's clock is ${durationText(Math.abs(disk - now))} off this machine's`,
        'Set the clock of the file server.',
      ),
    ];
  return [];
}

async function newestIn(directories: readonly string[]): Promise<number | undefined> {
  const times: number[] = [];
  for (const directory of directories) {
    for (const name of await readdir(directory).catch(() => [])) {
      const facts = await stat(join(directory, name)).catch(() => undefined);
      if (facts) times.push(facts.mtimeMs);
    }
  }
  return times.length > 0 ? Math.max(...times) : undefined;
}

async function diskClock(): Promise<number | undefined> {
  const directory = await mkdtemp(join(tmpdir(), 'aileron-doctor-')).catch(() => undefined);
  if (!directory) return undefined;
  try {
    await writeFile(join(directory, 'now'), '');
    return (await stat(join(directory, 'now'))).mtimeMs;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
