// How the backup of one run of a schedule is called: always the same for the same run and server, so that a run which is
// begun twice makes one backup.
import { createHash } from 'node:crypto';

const longestName = 253;
const digestLength = 8;

/** `<schedule>-<server>-<yyyymmddhhmm of the run, UTC>`; a name that would be too long is cut and told apart by a digest. */
export function backupName(schedule: string, server: string, run: number): string {
  const name = `${schedule}-${server}`;
  const ending = `-${new Date(run).toISOString().replace(/\D/g, '').slice(0, 12)}`;
  return name.length + ending.length <= longestName ? name + ending : digestName(schedule, server, run);
}

/** For when another schedule and server have made the same name: `a-b` of `c` is `a` of `b-c`. */
export function digestName(schedule: string, server: string, run: number): string {
  const digest = createHash('sha256').update(`${schedule}/${server}`).digest('hex').slice(0, digestLength);
  const ending = `-${digest}-${new Date(run).toISOString().replace(/\D/g, '').slice(0, 12)}`;
  const name = `${schedule}-${server}`.slice(0, longestName - ending.length).replace(/[-.]+$/, '');
  return name + ending;
}
